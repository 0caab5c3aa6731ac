"""The two stages of a run: training with checkpoints, then measuring the trained model."""

from collections.abc import Callable
import io
import time
from typing import Any, TextIO

from threadpoolctl import threadpool_limits
import torch
from torch import nn

from benchmarks.harness.data.datasets import points
from benchmarks.harness.data.packed import identity
from benchmarks.harness.data.seeding import generator
from benchmarks.harness.launch.options import Options
from benchmarks.harness.measure.trained_model import TrainedModel
from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.store import checkpoints, lease, provenance
from benchmarks.harness.store.lease import job
from benchmarks.harness.store.run_folder import RunFolder
from benchmarks.harness.store.task import Task
from benchmarks.harness.train import build
from benchmarks.harness.train.curves import TrainingSetup
from benchmarks.harness.train.device import gpu_peaks, gpu_provenance, prepare_torch
from benchmarks.harness.train.execution import Execution
from benchmarks.harness.train.loop import Trainer, train
from methods import OBJECTIVES
from methods.base import Regularizer
from methods.priors import PRIORS


def train_run(
    task: Task, held: lease.Lease, options: Options, stop: Callable[[], bool],
    report: Callable[[float], None], log: TextIO,
) -> None:
    """Trains the run from its last checkpoint and stores its outcome.

    Raises InterruptedRun once `stop()` is true, LeaseLostError if another process took the run."""
    folder, began = task.folder, time.time()
    run = folder.run()
    device = prepare_torch(options.device, run.precision)
    machine = provenance.environment() | {"device": device} | gpu_provenance(device)
    gpu_peaks(device)  # forgets those of earlier runs
    training = _trainer(task, options, device)
    images = identity(run, options.data)
    warning = _resume(task, training, images)
    training.attempts.append({**provenance.code(), **machine, "data": images})
    log.write(f"{time.ctime()}: {device}, from step {training.step} of {run.steps}"
              f"{'; ' + warning if warning else ''}\n")

    def save() -> None:
        held.check_held()
        buffer = io.BytesIO()
        torch.save(training.state(), buffer)
        checkpoints.save(folder.path, buffer.getvalue())

    def tell() -> None:
        row, epoch = training.epoch_log.rows[-1], training.epoch
        if epoch in (run.snapshots or ()):
            held.check_held()
            training.snapshots[str(epoch)] = folder.keep_weights(
                build.weights_to_bytes(training.objective), epoch)
        log.write(" ".join(f"{k} {v:.6g}" for k, v in row.items()) + "\n")
        report(training.step / run.steps)

    result = train(training, options.checkpoint_seconds, stop, save, tell)
    held.check_held()
    model = build.weights_to_bytes(training.objective)
    folder.finish(result, _provenance(training, began, folder.size() + len(model)), model)


def _trainer(task: Task, options: Options, device: str) -> Trainer:
    """The run before its first step."""
    run = task.folder.run()
    data = points(run, "train", run.n_train, options.data).x
    return Trainer(TrainingSetup(run, data, options.data, device), task.recorded,
                   task.folder.path / "method.py", Execution(plain=options.plain))


def _resume(task: Task, training: Trainer, images: str | None) -> str | None:
    """Restores the last usable checkpoint, of these images; returns a warning about others."""
    sealed, warning = checkpoints.newest(task.folder.path)
    if sealed is None:
        return warning
    state = torch.load(io.BytesIO(sealed), map_location="cpu", weights_only=True)
    if set(state["columns"]) != {curve.id for curve in task.recorded}:
        return "the checkpoint lacks a curve that is asked for now"
    if any(attempt["data"] != images for attempt in state["attempts"]):
        return "the checkpoint was trained on other images than are packed now"
    training.restore(state)
    return warning


def _provenance(training: Trainer, began: float, size: int) -> dict[str, Any]:
    """Provenance of a training: code, machine, cost; and every attempt, if they differ."""
    first, *later = training.attempts
    attempts = {"each_attempt": training.attempts} if any(x != first for x in later) else {}
    return {
        **training.attempts[-1], **attempts, "path": training.path,
        "precision": training.run.precision, "attempts": len(training.attempts),
        "started": round(began), "train_seconds": round(training.seconds, 3),
        "steps": training.step, "peak_memory_mib": provenance.peak_memory_mib(),
        **gpu_peaks(training.device), "disk_bytes": size, "job": job()}


def measure_run(
    folder: RunFolder, held: lease.Lease, measure: Measure, options: Options, log: TextIO
) -> None:
    """Measures the trained model, in fp32 always, and stores the result."""
    from benchmarks.harness.measure.measures import MEASURES
    run, began = folder.run(), time.monotonic()
    device = prepare_torch(options.device, "fp32")
    # one thread, as in training: their number changes the order of sums
    with torch.no_grad(), threadpool_limits(1):
        test = points(run, measure.split, measure.n_eval, options.data)
        weights = folder.weights_file(measure.epoch)
        model = build.load_model(run, tuple(test.x.shape[1:]), weights, device)
        trained = TrainedModel(run, model, test, options.data, device, measure.n_made,
                               lambda: _regularizer(folder, model.encoder, device))
        numbers, files = MEASURES[measure.name](trained)
    seconds = round(time.monotonic() - began, 3)
    shown = " ".join(f"{name} {value:.6g}" for name, value in numbers.items())
    log.write(f"{measure.id}: {shown or ', '.join(files)} ({seconds:.1f} s)\n")
    held.check_held()
    folder.save_measurement(measure, numbers, files, {
        **provenance.code(), **provenance.environment(), "device": device,
        **gpu_provenance(device), "seconds": seconds})


def _regularizer(folder: RunFolder, encoder: nn.Module, device: str) -> Regularizer | None:
    """The regularizer of a stored run as it begins; None for an objective without one."""
    run = folder.run()
    if run.objective in OBJECTIVES:
        return None
    return build.regularizer(run, encoder, PRIORS[run.prior](run.dim),
                             generator(run.seed, "method", device), folder.path / "method.py")
