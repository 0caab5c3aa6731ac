"""Training and test sets as tensors, and the batches drawn from them."""

from __future__ import annotations

from collections.abc import Callable
import hashlib
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from benchmarks.harness.data import packed
from benchmarks.harness.data.seeding import generator
from benchmarks.harness.errors import unknown
from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.spec.run import Run, canonical
from benchmarks.harness.spec.user_data import FILE_DATASETS, is_packed


class Split(NamedTuple):
    """Points with their classes, where they have any."""

    x: Tensor  # (n, ...) floats as they are, or uint8 pixels
    labels: Tensor | None  # (n,)

    def part(self, start: int, n: int) -> Split:
        """The n points from `start` on."""
        chosen = slice(start, start + n)
        return Split(self.x[chosen], None if self.labels is None else self.labels[chosen])


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


class Dataset(Protocol):
    """Where the points of a run come from; `root` is the folder of packed data sets."""

    def train(self, run: Run, root: Path) -> Split:
        """The first n_train points of the training set."""

    def test(self, run: Run, n: int, root: Path) -> Split:
        """The first n points of the test set."""

    def validation(self, run: Run, n: int, root: Path) -> Split:
        """The first n points of a part of the training set that the run does not train on."""

    def identity(self, run: Run, root: Path) -> str | None:
        """Digest of the data that the points are taken from; None where they are drawn."""


class Packed:
    """Arrays made by `sources.prepare`, in an order that was shuffled when they were packed."""

    def train(self, run: Run, root: Path) -> Split:
        """See `portions`."""
        return _loaded(run, packed.training_rows(run, root), root)

    def test(self, run: Run, n: int, root: Path) -> Split:
        """See `portions`."""
        return _loaded(run, packed.test_rows(run, n, root), root)

    def validation(self, run: Run, n: int, root: Path) -> Split:
        """See `portions`."""
        return _loaded(run, packed.validation_rows(run, n, root), root)

    def identity(self, run: Run, root: Path) -> str:
        """Digest of the packed files' own."""
        files = canonical(packed.manifest(root, run.packed_name)["files"])
        return hashlib.sha256(files.encode()).hexdigest()[:16]


def _loaded(run: Run, portion: packed.Portion, root: Path) -> Split:
    x, labels = (packed.packed_array(root, run.packed_name, f"{portion.split}.{part}")
                 for part in ("images", "labels"))
    assert x is not None  # or there would be no portion
    whole = Split(torch.from_numpy(x), None if labels is None else torch.from_numpy(labels))
    return whole.part(portion.start, portion.n)


def dataset(run: Run) -> Dataset:
    """Where the run's points come from; raises UsageError for a data set that is not known."""
    if run.dataset in GENERATED:
        return GENERATED[run.dataset]
    if not is_packed(run):
        raise unknown("dataset", run.dataset, [*GENERATED, *FILE_DATASETS])
    return Packed()


def points_of(run: Run, measure: Measure, root: Path) -> Split:
    """What the measure is taken on; raises UsageError where there are too few."""
    source = dataset(run)
    return {"test": source.test, "validation": source.validation}[measure.split](
        run, measure.n_eval, root)


def load(run: Run, root: Path) -> Tensor:
    """The run's training set (n_train, ...)."""
    return dataset(run).train(run, root).x


def to_float(x: Tensor) -> Tensor:
    """uint8 pixels to [0, 1] (A22); other data unchanged."""
    return x.float() / 255 if x.dtype == torch.uint8 else x
