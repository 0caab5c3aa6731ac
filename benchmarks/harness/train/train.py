"""The one training loop and the outcome of a run."""

from collections.abc import Callable
import time
from typing import Any

from benchmarks.harness.train.interrupts import InterruptedRun
from benchmarks.harness.train.loop import Training


def train(
    training: Training, checkpoint_seconds: float, stop: Callable[[], bool],
    save: Callable[[], None], tell: Callable[[], None],
) -> dict[str, Any]:
    """Trains to the end, or what ends it earlier: see `Run.stop_at`, or a non-finite loss.

    Returns the outcome. `tell` is called after every row, `save` every `checkpoint_seconds`. Raises
    InterruptedRun once `stop()` is true, after a last `save`.
    """
    began = saved = time.monotonic()
    before = training.seconds
    while not training.diverged:
        if training.at_epoch_end:
            training.record()
            if training.diverged:
                break
            tell()
        if training.step == training.run.steps or training.has_arrived:
            break
        training.advance()
        stopping = stop()
        if stopping or time.monotonic() - saved >= checkpoint_seconds:
            training.seconds = before + time.monotonic() - began
            save()
            saved = time.monotonic()
        if stopping:
            raise InterruptedRun(f"stopped at step {training.step}")
    training.seconds = before + time.monotonic() - began
    return _outcome(training)


def _outcome(training: Training) -> dict[str, Any]:
    """What is stored of a run that has ended."""
    parameters = {name: sum(p.numel() for p in part.parameters())
                  for name, part in training.objective.named_children()}
    diverged_step = int(training.ledger.diverged_at) if training.diverged else None
    return {"status": "done" if diverged_step is None else "diverged",
            "diverged_step": diverged_step, "parameters": parameters, "rows": training.ledger.rows,
            "curves": training.recorder.columns, "snapshots": training.snapshots}
