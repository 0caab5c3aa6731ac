"""Data sets that need no files: the laws of Figure 1, and pictures to try the suite with."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.harness.data.seeding import generator
from benchmarks.harness.data.split import Split
from benchmarks.harness.spec.run import Run

SYNTHETIC_DIM = 100  # MoCA paper, Section 4.1


def synthetic_normal(n: int, draws: torch.Generator) -> Tensor:
    """(n, 100) draws of N(0, I): the toy's law is not stated in the paper (A17)."""
    return torch.randn(n, SYNTHETIC_DIM, generator=draws)


def synthetic_uniform(n: int, draws: torch.Generator) -> Tensor:
    """(n, 100) draws of U[0, 1]^100, the other reading of A17."""
    return torch.rand(n, SYNTHETIC_DIM, generator=draws)


def procedural_images(
    n: int, draws: torch.Generator, shape: tuple[int, int, int] = (3, 32, 32)
) -> Tensor:
    """(n, C, H, W) uint8 pictures: a soft disc of random place, size and colour on a ramp."""
    return labelled_images(n, draws, shape)[0]


def labelled_images(
    n: int, draws: torch.Generator, shape: tuple[int, int, int]
) -> tuple[Tensor, Tensor]:
    """The procedural pictures, and (n,) the quadrant of each disc's centre, 0 to 3."""
    channels, height, width = shape
    rows = torch.linspace(-1, 1, height)[:, None]
    columns = torch.linspace(-1, 1, width)
    # a row of draws an image, so that the first images are the same however many are drawn
    draw = torch.rand(n, 5 + 2 * channels, generator=draws)[..., None, None]
    centre, radius, tilt = draw[:, :2] - 0.5, 0.2 + 0.4 * draw[:, 2], 2 * draw[:, 3:5] - 1
    distance = ((rows - centre[:, 0]) ** 2 + (columns - centre[:, 1]) ** 2).sqrt()  # (n, H, W)
    disc = torch.sigmoid((radius - distance) * width / 2)[:, None]
    ramp = (0.5 + 0.25 * (tilt[:, 0] * rows + tilt[:, 1] * columns))[:, None]
    paint, ground = draw[:, 5:].chunk(2, dim=1)
    images = ((disc * paint + (1 - disc) * ground * ramp) * 255).round().to(torch.uint8)
    below, right = (centre.flatten(1) > 0).long().unbind(1)
    return images, 2 * below + right


class Generated:
    """Points drawn by `make`; `own_per_seed` sets are drawn anew for every seed of a run."""

    def __init__(
        self, make: Callable[[Run, int, torch.Generator], Split], own_per_seed: bool
    ) -> None:
        self.make, self.own_per_seed = make, own_per_seed

    def train(self, run: Run, root: Path) -> Split:
        """The draws of the stream "data"."""
        draws = generator(run.seed if self.own_per_seed else 0, "data")
        return self.make(run, run.n_train, draws)

    def test(self, run: Run, n: int, root: Path) -> Split:
        """The draws of a stream of their own."""
        return self.make(run, n, generator(0, "test data"))

    def validation(self, run: Run, n: int, root: Path) -> Split:
        """The draws of another stream of their own."""
        return self.make(run, n, generator(0, "validation data"))

    def identity(self, run: Run, root: Path) -> None:
        """Nothing: the draws are decided by the run's fields."""


def _images(run: Run, n: int, draws: torch.Generator) -> Split:
    size = run.image_size or 32
    return Split(*labelled_images(n, draws, (3, size, size)))


GENERATED: dict[str, Generated] = {
    "synthetic-normal": Generated(
        lambda run, n, draws: Split(synthetic_normal(n, draws), None), True),
    "synthetic-uniform": Generated(
        lambda run, n, draws: Split(synthetic_uniform(n, draws), None), True),
    "procedural": Generated(_images, False),
    "procedural-28": Generated(
        lambda run, n, draws: Split(*labelled_images(n, draws, (1, 28, 28))), False),
}
