"""The two stages of a run: training it, with checkpoints, then measuring the trained model."""

from collections.abc import Callable
import io
import os
import time
from typing import Any, TextIO

from threadpoolctl import threadpool_limits
import torch

from benchmarks.harness import checkpoints, evaluations, lease, models, provenance
from benchmarks.harness.data import dataset, load
from benchmarks.harness.device import prepare_torch
from benchmarks.harness.files import seal
from benchmarks.harness.options import Options
from benchmarks.harness.spec import Measure
from benchmarks.harness.store import RunFolder
from benchmarks.harness.task import Task
from benchmarks.harness.train import train
from benchmarks.harness.trained import Trained
from benchmarks.harness.training import Training


def train_run(
    task: Task, held: lease.Lease, options: Options, stop: Callable[[], bool],
    report: Callable[[float], None], log: TextIO,
) -> None:
    """Trains the run from its last checkpoint and stores its outcome.

    Raises InterruptedRun once `stop()` is true, LeaseLostError if another process took the run.
    """
    folder, began = task.folder, time.time()
    run = folder.run()
    device = prepare_torch(options.device, run.precision)
    data = load(run, options.data)
    training = Training(run, data, task.curve, device, folder.path / "method.py")
    sealed, warning = checkpoints.newest(folder.path)
    if sealed:
        training.restore(_unpack(sealed))
    training.attempts.append({
        **provenance.code(), **provenance.environment(), "device": device,
        "data": dataset(run).identity(run, options.data)})
    log.write(f"{time.ctime()}: {device}, from step {training.step} of {run.steps}"
              f"{'; ' + warning if warning else ''}\n")

    def save() -> None:
        held.insist()
        checkpoints.save(folder.path, seal(_pack(training.state())))

    def tell() -> None:
        row = training.rows[-1]
        log.write(" ".join(f"{k} {v:.6g}" for k, v in row.items()) + "\n")
        report(training.step / run.steps)

    result = train(training, options.checkpoint_seconds, stop, save, tell)
    held.insist()
    model = models.packed(training.objective)
    folder.finish(result, _provenance(training, began, folder.size() + len(model)), model)


def _pack(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _unpack(data: bytes) -> dict[str, Any]:
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


def measure_run(
    folder: RunFolder, held: lease.Lease, measure: Measure, options: Options, log: TextIO
) -> None:
    """Measures the trained model and stores what came out."""
    from benchmarks.harness.measures import MEASURES  # scikit-learn, only where it is needed
    run, began = folder.run(), time.monotonic()
    device = prepare_torch(options.device, run.precision)
    # one thread, as in training: their number changes the order of sums
    with torch.no_grad(), threadpool_limits(1):
        trained = Trained(run, folder.model, options.data, measure.n_eval, device)
        numbers, files = MEASURES[measure.name](trained)
    seconds = round(time.monotonic() - began, 3)
    shown = " ".join(f"{name} {value:.6g}" for name, value in numbers.items())
    log.write(f"{measure.id}: {shown or ', '.join(files)} ({seconds:.1f} s)\n")
    held.insist()
    evaluations.save(folder.path, measure, numbers, files, {
        **provenance.code(), **provenance.environment(), "device": device, "seconds": seconds})
