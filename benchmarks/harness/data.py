"""Training and test sets as tensors, and the batches drawn from them."""

from collections.abc import Callable
import hashlib
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from benchmarks.harness import packed
from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.generated import labelled_images, synthetic_normal, synthetic_uniform
from benchmarks.harness.run import Run, canonical
from benchmarks.harness.streams import generator
from benchmarks.harness.user_data import FILE_DATASETS


class Split(NamedTuple):
    """Points with their classes, where they have any."""

    x: Tensor  # (n, ...) floats as they are, or uint8 pixels
    labels: Tensor | None  # (n,)


class Dataset(Protocol):
    """Where the points of a run come from; `root` is the folder of packed data sets."""

    def train(self, run: Run, root: Path) -> Split:
        """The first n_train points of the training set."""

    def test(self, run: Run, n: int, root: Path) -> Split:
        """The first n points of the test set."""

    def identity(self, run: Run, root: Path) -> str | None:
        """Digest of the data that the points are taken from; None where they are drawn."""


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

    def identity(self, run: Run, root: Path) -> None:
        """Nothing: the draws are decided by the run's fields."""


class Packed:
    """Arrays made by `sources.prepare`, in an order that was shuffled when they were packed."""

    def train(self, run: Run, root: Path) -> Split:
        """The same for every seed; raises UsageError if there are fewer than n_train."""
        return self._split(run, "train", run.n_train, root)

    def test(self, run: Run, n: int, root: Path) -> Split:
        """Raises UsageError if there are fewer than n."""
        return self._split(run, "test", n, root)

    def identity(self, run: Run, root: Path) -> str:
        """Digest of the packed files' own."""
        files = canonical(packed.manifest(root, run.packed_name)["files"])
        return hashlib.sha256(files.encode()).hexdigest()[:16]

    def _split(self, run: Run, which: str, n: int, root: Path) -> Split:
        x = packed.array(root, run.packed_name, f"{which}.images")
        labels = packed.array(root, run.packed_name, f"{which}.labels")
        if x is None or len(x) < n:
            count = 0 if x is None else len(x)
            raise UsageError(f"{run.dataset} has {count} images in its {which} split, not {n}")
        return Split(torch.from_numpy(x[:n]),
                     None if labels is None else torch.from_numpy(labels[:n]))


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


def dataset(run: Run) -> Dataset:
    """Where the run's points come from; raises UsageError for a data set that is not known."""
    if run.dataset in GENERATED:
        return GENERATED[run.dataset]
    if run.dataset not in FILE_DATASETS and run.data_digest is None:
        raise unknown("dataset", run.dataset, [*GENERATED, *FILE_DATASETS])
    return Packed()


def load(run: Run, root: Path) -> Tensor:
    """The run's training set (n_train, ...)."""
    return dataset(run).train(run, root).x


def to_float(x: Tensor) -> Tensor:
    """uint8 pixels to [0, 1] (A22); other data unchanged."""
    return x.float() / 255 if x.dtype == torch.uint8 else x
