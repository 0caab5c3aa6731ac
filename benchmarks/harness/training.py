"""A run in progress: one step of it, and all that a checkpoint must hold."""

from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.batches import Batches
from benchmarks.harness.build import build
from benchmarks.harness.curves import Recorder, Scene
from benchmarks.harness.data import to_float
from benchmarks.harness.optimizers import Optimizers
from benchmarks.harness.spec import Curve
from benchmarks.harness.streams import generator, stream
from methods.base import Batch
from methods.priors import PRIORS


class Training:
    """A run in progress: all that a step changes, hence all that a checkpoint holds."""

    def __init__(self, scene: Scene, curves: tuple[Curve, ...], method_file: Path) -> None:
        run, device = scene.run, scene.device
        self.run, self.device = run, device
        self.data = scene.data.to(device)
        self.prior = PRIORS[run.prior](run.dim)
        self.draws = {name: generator(run.seed, name, device) for name in ("prior", "method")}
        # none of our methods draws from it, a user's may
        self.draws["global"] = torch.default_generator.manual_seed(stream(run.seed, "global"))
        shape = tuple(self.data.shape[1:])
        self.objective = build(run, shape, self.prior, self.draws["method"], method_file)
        self.optimizers = Optimizers(self.objective, run)
        self.batches = Batches(run.n_train, run.batch, generator(run.seed, "order"), device)
        self.recorder = Recorder(curves, scene)
        self.step, self.seconds, self.attempts = 0, 0.0, list[dict[str, Any]]()
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, Tensor] = {}
        self.snapshots: dict[str, str] = {}  # epoch -> digest of the weights that are kept
        self.diverged_at = torch.full((), -1, device=device)  # first step with a non-finite loss

    @property
    def epoch(self) -> int:
        """Complete epochs."""
        return self.step // self.run.steps_per_epoch

    @property
    def at_epoch_end(self) -> bool:
        """Whether an epoch, or the initial state as epoch 0, is complete and has no row yet."""
        return self.step % self.run.steps_per_epoch == 0 and self.epoch == len(self.rows)

    @property
    def diverged(self) -> bool:
        """Whether a loss of the epoch just completed was not finite; False within an epoch.

        Asked at the ends of epochs only: the answer has to be fetched from the device.
        """
        return self.at_epoch_end and int(self.diverged_at) >= 0

    @property
    def has_arrived(self) -> bool:
        """Whether the epoch just completed was as good as the run is to become."""
        enough, last = self.run.stop_at, self.rows[-1] if self.rows else {}
        return enough is not None and last.get("train_reconstruction", enough + 1) <= enough

    def advance(self) -> None:
        """One step: the objective's update, what follows it, then the adversary's own update."""
        self.optimizers.set_rates(self.run.lr_factor(self.epoch))
        index = self.batches.next()
        progress = torch.full((), self.step / self.run.steps, device=self.device)
        prior = self.prior.sample(self.run.n_prior, self.draws["prior"])
        self.optimizers.freeze_adversary(True)
        terms, step = self.objective.loss(Batch(to_float(self.data[index]), index, prior, progress))
        self.optimizers.minimise(terms["loss"], "main")
        self.objective.after_step(step)
        if self.optimizers.network:
            self.optimizers.freeze_adversary(False)
            terms["adversary"] = self.objective.adversary_loss(step)
            self.optimizers.minimise(terms["adversary"], "adversary")
        self._account(terms)
        self.step += 1

    def _account(self, terms: dict[str, Tensor]) -> None:
        """Adds up the epoch's losses and notes the first non-finite one, without a host sync."""
        finite = torch.ones((), dtype=torch.bool, device=self.device)
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach()
            finite = finite & value.detach().isfinite()
        first = (self.diverged_at < 0) & ~finite
        self.diverged_at.copy_(torch.where(first, self.step, self.diverged_at))

    def record(self) -> None:
        """The row of the epoch just completed; none, and diverged, if a number is not finite."""
        losses = {f"train_{name}": float(total) / self.run.steps_per_epoch
                  for name, total in self.sums.items()}
        values = {**losses, **self.recorder(self.objective, self.epoch)}
        if all(map(isfinite, values.values())):
            self.rows.append({"epoch": self.epoch, **values})
        elif not self.diverged:
            self.diverged_at.fill_(max(self.step - 1, 0))
        self.sums = {}

    def state(self) -> dict[str, Any]:
        """Plain values and tensors from which `restore` goes on bit for bit."""
        return {
            "device": torch.device(self.device).type, "objective": self.objective.state_dict(),
            "optimizers": self.optimizers.state(), "batches": self.batches.state(),
            "draws": {name: draws.get_state() for name, draws in self.draws.items()},
            "step": self.step, "rows": self.rows, "sums": self.sums, "seconds": self.seconds,
            "diverged_at": self.diverged_at, "attempts": self.attempts,
            "columns": self.recorder.columns, "snapshots": self.snapshots,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`; raises ValueError for a checkpoint of another kind of device."""
        if state["device"] != torch.device(self.device).type:
            raise ValueError(f"the checkpoint is from {state['device']}: go on there with "
                             f"--device {state['device']} --retry-failed, or --rerun")
        self.objective.load_state_dict(state["objective"])
        self.optimizers.restore(state["optimizers"])
        self.batches.restore(state["batches"])
        for name, draws in self.draws.items():
            draws.set_state(state["draws"][name])
        self.sums = {name: total.to(self.device) for name, total in state["sums"].items()}
        self.diverged_at = state["diverged_at"].to(self.device)
        self.step, self.rows = state["step"], state["rows"]
        self.seconds, self.attempts = state["seconds"], state["attempts"]
        self.recorder.columns, self.snapshots = state["columns"], state["snapshots"]

    def outcome(self) -> dict[str, Any]:
        """What is stored of a run that has ended."""
        parameters = {name: sum(p.numel() for p in part.parameters())
                      for name, part in self.objective.named_children()}
        diverged_step = int(self.diverged_at) if self.diverged else None
        return {"status": "done" if diverged_step is None else "diverged",
                "diverged_step": diverged_step, "parameters": parameters, "rows": self.rows,
                "curves": self.recorder.columns, "snapshots": self.snapshots}
