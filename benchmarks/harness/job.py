"""One run in one process: claim it, resume it, train it, write its outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
import io
import os
import signal
from threading import Event
import time
import traceback
from typing import TYPE_CHECKING, Any, TextIO

from benchmarks.harness import lease, provenance
from benchmarks.harness.device import prepare_torch
from benchmarks.harness.files import remove_leftovers, seal
from benchmarks.harness.store import RunFolder

if TYPE_CHECKING:
    from benchmarks.harness.training import Training

Report = Callable[[float], None]


@dataclass(frozen=True)
class Options:
    """How to train, as opposed to what: nothing here changes a run's numbers on one machine."""

    device: str = "auto"
    jobs: int = 1
    checkpoint_seconds: float = 120.0


class LeaseLostError(Exception):
    """Another process has taken the run over."""


@contextmanager
def stop_on_signals() -> Iterator[Event]:
    """An event that SIGTERM and SIGINT set, so that a run can checkpoint before it ends."""
    stop = Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda number, frame: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def execute(folder: RunFolder, curve: str, options: Options, stop: Event, report: Report) -> str:
    """Trains the folder's run unless it is finished or another process has it.

    Returns "done", "diverged", "failed", "interrupted" or "elsewhere". An exception ends up in the
    run's log and error.json: it costs this run, never its siblings.
    """
    held = lease.acquire(folder.path)
    if held is None:
        return "elsewhere"
    try:
        if folder.is_finished():
            return folder.state()
        remove_leftovers(folder.path)
        with open(folder.path / "log.txt", "a", buffering=1) as log:
            try:
                with redirect_stdout(log):
                    return _train(folder, held, curve, options, stop, report, log)
            except LeaseLostError:
                return "elsewhere"
            except (Exception, SystemExit) as error:  # noqa: BLE001 the job boundary
                if not held.is_current:
                    return "elsewhere"
                with suppress(OSError):  # a full disk must not hide the failure behind another
                    log.write(traceback.format_exc())
                    folder.fail(f"{type(error).__name__}: {error}".splitlines()[0])
                return "failed"
    finally:
        held.release()


def _train(
    folder: RunFolder, held: lease.Lease, curve: str, options: Options, stop: Event,
    report: Report, log: TextIO,
) -> str:
    origin = provenance.code()  # before the code that it speaks of is imported
    from benchmarks.harness.train import (  # torch, only where a run is trained
        InterruptedTraining,
        train,
    )
    from benchmarks.harness.training import Training
    run, began = folder.run(), time.time()
    device = prepare_torch(options.device, run.precision)
    training = Training(run, curve, device, folder.path / "method.py")
    sealed, warning = folder.checkpoint()
    if sealed:
        training.restore(_unpack(sealed))
    training.attempts.append({**origin, **provenance.environment(), "device": device})
    log.write(f"{time.ctime()}: {device}, from step {training.step} of {run.steps}"
              f"{'; ' + warning if warning else ''}\n")

    def save() -> None:
        if not held.is_current:
            raise LeaseLostError
        folder.save_checkpoint(seal(_pack(training.state())))

    def tell() -> None:
        row = training.rows[-1]
        log.write(" ".join(f"{k} {v:.6g}" for k, v in row.items()) + "\n")
        report(training.step / run.steps)

    try:
        result = train(training, options.checkpoint_seconds, stop.is_set, save, tell)
    except InterruptedTraining:
        return "interrupted"
    if not held.is_current:
        raise LeaseLostError
    folder.finish(result, _provenance(training, began, folder.size()))
    return folder.state()


def _pack(state: dict[str, Any]) -> bytes:
    import torch
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _unpack(data: bytes) -> dict[str, Any]:
    import torch
    state: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return state


def _provenance(training: Training, began: float, size: int) -> dict[str, Any]:
    """What the numbers do not say: code, machine, cost; and every attempt, if they differ."""
    first, *later = training.attempts
    attempts = {"each_attempt": training.attempts} if any(x != first for x in later) else {}
    return {
        **training.attempts[-1], **attempts, "path": "eager", "attempts": len(training.attempts),
        "started": round(began), "train_seconds": round(training.seconds, 3),
        "steps": training.step, "peak_memory_mib": provenance.peak_memory_mib(),
        "disk_bytes": size, "job": os.environ.get("SLURM_JOB_ID"),
    }
