"""The training step: by path and precision, beside pythae's trainer; and by regularizer."""

from pathlib import Path

from torch import Tensor

from benchmarks.speed.cases import Sizes, run, training
from benchmarks.speed.timing import Case
from methods import METHODS
from methods.base import Regularizer, Step

SIDES = {"a1": 32, "a2": 32, "residual": 64}


class Nothing(Regularizer):
    """No regularizer: what is left is an autoencoder."""

    def penalty(self, step: Step) -> Tensor:
        """Zero."""
        return step.z.new_zeros(())


def paths(sizes: Sizes, device: str) -> list[Case]:
    """WAE-MMD with each architecture on each path."""
    ways = (("fast, fp32", "fp32", False), ("fast, bf16", "bf16", False),
            ("plain, fp32", "fp32", True))
    return [Case("training step", _what(architecture), who,
                 training(run(architecture, "mmd", sizes.width, precision), device, plain).advance)
            for architecture in SIDES for who, precision, plain in ways]


def beside_pythae(sizes: Sizes, device: str, folder: Path) -> list[Case]:
    """The step with A2, and pythae's trainer with the same network on the same images."""
    from benchmarks.speed.pythae_trainer import BATCHES, epoch
    ours = [Case("beside pythae", _what("a2"), f"fast, {precision}",
                 training(run("a2", "mmd", sizes.width, precision), device).advance)
            for precision in ("fp32", "bf16")]
    theirs = epoch(run("a2", "mmd", sizes.width), device, folder)
    return [*ours, Case("beside pythae", _what("a2"), "pythae's trainer", theirs, BATCHES)]


def regularizers(sizes: Sizes, device: str) -> list[Case]:
    """A2 with every regularizer, against none."""
    bare = training(run("a2", "mmd", sizes.width), device, regularizer=Nothing())
    every = {"no regularizer": bare} | {
        METHODS[name].label: training(run("a2", name, sizes.width), device) for name in METHODS}
    what = "step of A2, 64 images of 32 x 32, by regularizer"
    return [Case("regularizer in the step", what, name, one.advance) for name, one in every.items()]


def _what(architecture: str) -> str:
    side = SIDES[architecture]
    return f"WAE-MMD step, {architecture}, 64 images of {side} x {side}"

