"""A user's method tried on a small network before anything trains."""

from collections.abc import Iterable
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import replace
import io
from pathlib import Path
import pickle
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.user_data import shape_of
from benchmarks.harness.train.build import build
from benchmarks.harness.train.optimizers import Optimizers
from benchmarks.harness.train.user_method import complaint, name_of
from methods.base import Batch, Regularizer
from methods.priors import PRIORS

NARROW = 1 / 16  # of the networks' channels
SEED = 0
OF_MODULES = set(vars(nn.Module()))  # the attributes of any module


def try_methods(runs: Iterable[Run], files: Iterable[Path]) -> None:
    """Builds each of the files' methods as the runs do, and takes three steps.

    Raises UsageError for a method that fails, whose penalty does not depend on the encoder, or
    that goes on differently from a checkpoint."""
    paths = {name_of(path): path for path in files}
    # the penalty alone on narrow networks: the method sees no difference
    small = dict.fromkeys(replace(run, seed=SEED, objective="latent", precision="fp32",
                                  width=min(run.width or 1.0, NARROW))
                          for run in runs if run.method in paths)
    for run in small:
        path = paths[run.method]
        # a method may draw from the global generator; what it prints belongs into a run's log
        with torch.random.fork_rng(devices=[]), redirect_stdout(io.StringIO()):
            try:
                lost = _lost_by_a_checkpoint(run, path)
            except UsageError:
                raise
            except (Exception, SystemExit) as error:  # noqa: BLE001 a user's file may raise anything
                raise complaint(path, "fails when it is tried", error) from None
        if lost is not None:
            raise UsageError(
                f"--with: {path}: a run that goes on from a checkpoint would differ, since "
                f"{lost or 'something'} is not stored; keep what lasts longer than a step in "
                "buffers (self.register_buffer), changed in place, and draw from "
                "context.generator")


def _lost_by_a_checkpoint(run: Run, path: Path) -> str | None:
    """Names of the attributes by which a resumed training differs; None if it does not."""
    whole = _Training(run, path)
    whole.step(0)
    stored = whole.state()
    after = whole.step(1), whole.attributes()
    resumed = _Training(run, path)
    resumed.restore(stored)
    same = resumed.step(1), resumed.attributes()
    lost = [name for name, value in after[1].items()
            if value is not None and same[1].get(name) not in (value, None)]
    if not lost and torch.equal(after[0].nan_to_num(), same[0].nan_to_num()):
        return None
    return ", ".join(lost)


class _Training:
    """The first steps of a run, on the processor and on noise for data."""

    def __init__(self, run: Run, path: Path) -> None:
        self.run, self.path = run, path
        self.draws = torch.Generator().manual_seed(SEED)
        torch.manual_seed(SEED)
        self.prior = PRIORS[run.prior](run.dim)
        self.objective = build(run, shape_of(run), self.prior, self.draws, path)
        assert self.objective.regularizer
        self.regularizer: Regularizer = self.objective.regularizer
        self.optimizers = Optimizers(self.objective, run)

    def step(self, number: int) -> Tensor:
        """The step of that number, as the training loop takes it; returns the penalty."""
        self.optimizers.freeze_adversary(True)
        terms, step = self.objective.loss(self._batch(number))
        penalty = terms["penalty"]
        weights = [p for p in self.objective.encoder.parameters() if p.requires_grad]
        if not penalty.requires_grad or not any(
                slope is not None for slope in torch.autograd.grad(
                    penalty, weights, retain_graph=True, allow_unused=True)):
            raise UsageError(f"--with: {self.path}: the penalty has no gradient for the encoder, "
                             "which would learn nothing from it; compute it from step.z, without "
                             "detach(), no_grad() or item()")
        self.optimizers.minimise(terms["loss"], "main")
        self.regularizer.after_step(step)
        if self.optimizers.network:
            self.optimizers.freeze_adversary(False)
            self.optimizers.minimise(self.regularizer.adversary_loss(step), "adversary")
        return penalty.detach()

    def _batch(self, number: int) -> Batch:
        noise, run = torch.Generator().manual_seed(number), self.run
        index = torch.randint(run.n_train, (run.batch,), generator=noise)
        return Batch(torch.rand(run.batch, *shape_of(run), generator=noise), index,
                     self.prior.sample(run.n_prior, noise), torch.tensor(number / run.steps))

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return deepcopy({
            "objective": self.objective.state_dict(), "optimizers": self.optimizers.state(),
            "draws": self.draws.get_state(), "global": torch.get_rng_state()})

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.objective.load_state_dict(state["objective"])
        self.optimizers.restore(state["optimizers"])
        self.draws.set_state(state["draws"])
        torch.set_rng_state(state["global"])

    def attributes(self) -> dict[str, bytes | None]:
        """Content of what the method keeps and a checkpoint does not; None where that is opaque."""
        found: dict[str, bytes | None] = {}
        for place, module in self.regularizer.named_modules():
            kept = {name: value for name, value in vars(module).items() if name not in OF_MODULES}
            kept |= {name: module.get_buffer(name) for name in module._non_persistent_buffers_set}
            found |= {f"{place}.{name}".strip("."): _content(value) for name, value in kept.items()}
        return found


class _Pickler(pickle.Pickler):
    """Writes the content of tensors and generators, and nothing of modules, which count apart."""

    def persistent_id(self, value: object) -> object:
        if isinstance(value, nn.Module):
            return "module"
        if isinstance(value, torch.Generator):
            value = value.get_state()
        if isinstance(value, Tensor):
            content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            return str(value.dtype), tuple(value.shape), content.numpy().tobytes()
        return None


def _content(value: object) -> bytes | None:
    written = io.BytesIO()
    try:
        _Pickler(written).dump(value)
    except Exception:  # noqa: BLE001 an object may refuse in any way: functions, files, locks
        return None
    return written.getvalue()
