"""The training loop: a run in progress, its steps, epochs and checkpoints."""

from collections.abc import Callable
from math import inf, isfinite, nan
from pathlib import Path
import time
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.data.datasets import to_float
from benchmarks.harness.data.seeding import default_generators, generator
from benchmarks.harness.spec.artefact import Curve
from benchmarks.harness.train.build import NETWORKS, build
from benchmarks.harness.train.cuda_graph import CudaGraphStep
from benchmarks.harness.train.curves import CurveRecorder, TrainingSetup
from benchmarks.harness.train.execution import FAST, Execution
from benchmarks.harness.train.interrupts import InterruptedRun
from benchmarks.harness.train.optimizers import Optimizers
from methods.base import Batch
from methods.priors import PRIORS


class Trainer:
    """A run in progress: everything that a step changes, hence everything in a checkpoint."""

    def __init__(
        self, setup: TrainingSetup, curves: tuple[Curve, ...], method_file: Path,
        execution: Execution = FAST,
    ) -> None:
        run, device = setup.run, setup.device
        self.run, self.device = run, device
        self.data = setup.data.to(device)
        self.execution, self.layout = execution, execution.layout(run, device)
        self.prior = PRIORS[run.prior](run.dim)
        self.draws = {name: generator(run.seed, name, device) for name in ("prior", "method")}
        self.draws |= default_generators(run.seed, self.data.device)
        self.objective = build(run, tuple(self.data.shape[1:]), self.prior, self.draws["method"],
                               method_file)
        self.objective.to(memory_format=self.layout)
        self.begin_step = execution.prepare(self.objective, device)
        self.optimizers = Optimizers(self.objective, run)
        self.batches = BatchSampler(run.n_train, run.batch, generator(run.seed, "order"), device)
        self.recorder = CurveRecorder(curves, setup)
        graphed = not execution.plain and self.data.is_cuda and self.objective.capturable
        on_gpu = [draws for draws in self.draws.values() if draws.device.type == "cuda"]
        self.graph = CudaGraphStep(on_gpu, run.method) if graphed else None
        self.step, self.seconds, self.attempts = 0, 0.0, list[dict[str, Any]]()
        self.clock = torch.zeros((), dtype=torch.long, device=device)  # `step`, on the device
        self.epoch_log = EpochLog(device)
        self.snapshots: dict[str, str] = {}  # epoch -> digest of the weights that are kept

    @property
    def path(self) -> str:
        """Execution path for provenance: eager or graph, the memory layout, what else is on."""
        return ("graph" if self.graph else "eager") + self.execution.note(self.layout)

    @property
    def epoch(self) -> int:
        """Complete epochs."""
        return self.step // self.run.steps_per_epoch

    @property
    def at_epoch_end(self) -> bool:
        """Whether an epoch, or the initial state as epoch 0, is complete and has no row yet."""
        return self.step % self.run.steps_per_epoch == 0 and self.epoch == len(self.epoch_log.rows)

    @property
    def diverged(self) -> bool:
        """Whether a loss of the epoch just completed was not finite; not fetched within one."""
        return self.at_epoch_end and self.epoch_log.diverged

    @property
    def has_arrived(self) -> bool:
        """Whether the last epoch's reconstruction loss has come down to `Run.stop_at`."""
        last = self.epoch_log.rows[-1] if self.epoch_log.rows else {}
        stop_at = -inf if self.run.stop_at is None else self.run.stop_at
        return last.get("train_reconstruction", inf) <= stop_at

    def advance(self) -> None:
        """One step; renews the permutation before an epoch's first."""
        if self.step % self.run.steps_per_epoch == 0:
            self.batches.renew()
        self.optimizers.set_rates(self.run.lr_factor(self.epoch))
        if self.graph:
            self.graph(self._work, self.places)
        else:
            self._work()
        self.step += 1

    def _work(self) -> None:
        """Updates the objective, the regularizer's own state, and the adversary.

        All on the device and on the same tensors every time, so that it can be captured."""
        batch = self.batch()
        self.begin_step()
        self.optimizers.freeze_adversary(True)
        terms, step = self.objective.loss(batch)
        self.optimizers.minimise(terms["loss"], "main")
        if regularizer := self.objective.regularizer:
            regularizer.after_step(step)
        if regularizer and self.optimizers.network:
            self.optimizers.freeze_adversary(False)
            terms["adversary"] = regularizer.adversary_loss(step)
            self.optimizers.minimise(terms["adversary"], "adversary")
        self.epoch_log.add(terms, self.clock)
        self.clock.add_(1)

    def batch(self) -> Batch:
        """The batch of the step that the clock shows."""
        index = self.batches.at(self.clock)
        x = to_float(self.data[index]).contiguous(memory_format=self.layout)
        progress = (self.clock.double() / self.run.steps).float()
        prior = self.prior.sample(self.run.n_prior, self.draws["prior"])
        return Batch(x, index, prior, progress)

    def places(self) -> dict[str, int]:
        """Memory addresses of all tensors that a step changes, by name."""
        held = self.objective.state_dict() | self.epoch_log.sums | {"clock": self.clock}
        return {name: tensor.data_ptr() for name, tensor in held.items()}

    def record(self) -> None:
        """The row of the epoch just completed; none, and diverged, if a number is not finite.

        Weights count too: after the last step no loss is computed that would show it."""
        finite = all(bool(value.isfinite().all()) for name, value
                     in self.objective.state_dict().items() if name.startswith(NETWORKS))
        measured = self.recorder(self.objective, self.epoch) if finite else {"weights": nan}
        self.epoch_log.close(self.epoch, self.run.steps_per_epoch, max(self.step - 1, 0), measured)

    def state(self) -> dict[str, Any]:
        """Plain values and tensors from which `restore` continues bit for bit."""
        return {
            "device": torch.device(self.device).type, "objective": self.objective.state_dict(),
            "optimizers": self.optimizers.state(), "batches": self.batches.state(),
            "draws": {name: draws.get_state() for name, draws in self.draws.items()},
            "step": self.step, "ledger": self.epoch_log.state(), "seconds": self.seconds,
            "attempts": self.attempts, "columns": self.recorder.columns,
            "snapshots": self.snapshots}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`; raises ValueError for a checkpoint of another kind of device."""
        if state["device"] != torch.device(self.device).type:
            raise ValueError(f"the checkpoint is from {state['device']}: go on there with "
                             f"--device {state['device']} --retry-failed, or --rerun")
        self.objective.load_state_dict(state["objective"])
        self.optimizers.restore(state["optimizers"])
        self.batches.restore(state["batches"])
        for name, drawn in state["draws"].items():
            self.draws[name].set_state(drawn)
        self.epoch_log.restore(state["ledger"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.clock.fill_(self.step)
        self.attempts = state["attempts"]
        self.recorder.columns, self.snapshots = state["columns"], state["snapshots"]
        if self.graph:
            self.graph.drop()  # the optimizers' moments and the epoch's sums are new tensors


def train(
    training: Trainer, checkpoint_seconds: float, stop: Callable[[], bool],
    save: Callable[[], None], tell: Callable[[], None],
) -> dict[str, Any]:
    """Trains to the last epoch, to `Run.stop_at`, or to a non-finite loss; returns the outcome.

    `tell` is called after every row, `save` every `checkpoint_seconds`. Raises InterruptedRun once
    `stop()` is true, after a last `save`."""
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


def _outcome(training: Trainer) -> dict[str, Any]:
    """The outcome of a run that has ended, as stored in result.json."""
    parameters = {name: sum(p.numel() for p in part.parameters())
                  for name, part in training.objective.named_children()}
    diverged_step = int(training.epoch_log.diverged_at) if training.diverged else None
    return {"status": "done" if diverged_step is None else "diverged",
            "diverged_step": diverged_step, "parameters": parameters,
            "rows": training.epoch_log.rows, "curves": training.recorder.columns,
            "snapshots": training.snapshots}


class BatchSampler:
    """Index batches: a new permutation per epoch, the incomplete last batch dropped.

    The permutation is drawn on the CPU, so that every device has the same order, and kept in
    place on the device; a step is selected by a tensor, so within an epoch no step needs the
    host."""

    def __init__(self, n: int, batch: int, draws: torch.Generator, device: str = "cpu") -> None:
        self.steps, self.draws = n // batch, draws  # steps per epoch
        self.n, self.order = n, torch.empty(n, dtype=torch.long, device=device)
        self.columns = torch.arange(batch, device=device)

    def renew(self) -> None:
        """The next epoch's permutation."""
        self.order.copy_(torch.randperm(self.n, generator=self.draws))

    def at(self, step: Tensor | int) -> Tensor:
        """The step's (batch,) indices, on the device; steps may count from any epoch's start."""
        return self.order[step % self.steps * len(self.columns) + self.columns]

    def state(self) -> dict[str, Tensor]:
        """The checkpoint from which `restore` continues with the next batch."""
        return {"order": self.order, "draws": self.draws.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """The inverse of `state`."""
        self.order.copy_(state["order"])
        self.draws.set_state(state["draws"])


class EpochLog:
    """Accumulates the epoch's losses on the device; keeps one row per finished epoch."""

    def __init__(self, device: str) -> None:
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, Tensor] = {}
        self.diverged_at = torch.full((), -1, device=device)  # first step with a non-finite loss

    def add(self, terms: dict[str, Tensor], step: Tensor) -> None:
        """Adds up the step's losses and notes the first non-finite one, without a host sync."""
        for name, value in terms.items():
            if name not in self.sums:
                self.sums[name] = torch.zeros_like(value)
        values = [value.detach() for value in terms.values()]
        torch._foreach_add_([self.sums[name] for name in terms], values)
        finite = torch.cat([value.reshape(-1) for value in values]).isfinite().all()
        first = (self.diverged_at < 0) & ~finite
        self.diverged_at.copy_(torch.where(first, step, self.diverged_at))

    @property
    def diverged(self) -> bool:
        """Whether a loss was not finite: fetched from the device."""
        return int(self.diverged_at) >= 0

    def close(self, epoch: int, steps: int, last: int, measured: dict[str, float]) -> None:
        """Appends an epoch's row; diverged instead if a number is not finite.

        `steps`: of the epoch. `last`: its last step, noted as the diverging one if only a measured
        number shows it."""
        losses = {f"train_{name}": float(total) / steps for name, total in self.sums.items()}
        values = {**losses, **measured}
        if all(map(isfinite, values.values())):
            self.rows.append({"epoch": epoch, **values})
        elif not self.diverged:
            self.diverged_at.fill_(last)
        for total in self.sums.values():
            total.zero_()

    def state(self) -> dict[str, Any]:
        """The checkpoint from which `restore` continues."""
        return {"rows": self.rows, "sums": self.sums, "diverged_at": self.diverged_at}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        device = self.diverged_at.device
        self.sums = {name: total.to(device) for name, total in state["sums"].items()}
        self.rows, self.diverged_at = state["rows"], state["diverged_at"].to(device)
