"""Training and test sets as tensors, and the batches drawn from them."""

from collections.abc import Callable
from functools import partial
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


class Split(NamedTuple):
    """Points with their classes, where they have any."""

    x: Tensor  # (n, ...) floats as they are, or uint8 pixels
    labels: Tensor | None  # (n,)


class Dataset(Protocol):
    """Where the points of a data set come from; `root` is the folder of packed data sets."""

    def train(self, n: int, seed: int, root: Path) -> Split:
        """The first n points of the training set of a run with that seed."""

    def test(self, n: int, root: Path) -> Split:
        """The first n points of the test set."""

    def identity(self, root: Path) -> str | None:
        """Digest of the data that the points are taken from; None where they are drawn."""


class Generated:
    """Points drawn by `make`; `own_per_seed` sets are drawn anew for every seed of a run."""

    def __init__(
        self, make: Callable[[int, torch.Generator], Tensor | tuple[Tensor, Tensor]],
        own_per_seed: bool,
    ) -> None:
        self.make, self.own_per_seed = make, own_per_seed

    def train(self, n: int, seed: int, root: Path) -> Split:
        """The draws of the stream "data"."""
        return self._split(n, generator(seed if self.own_per_seed else 0, "data"))

    def test(self, n: int, root: Path) -> Split:
        """The draws of a stream of their own."""
        return self._split(n, generator(0, "test data"))

    def identity(self, root: Path) -> None:
        """Nothing: the draws are decided by the run's fields."""

    def _split(self, n: int, draws: torch.Generator) -> Split:
        made = self.make(n, draws)
        return Split(made, None) if isinstance(made, Tensor) else Split(*made)


class Packed:
    """Arrays made by `sources.prepare`, in an order that was shuffled when they were packed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def train(self, n: int, seed: int, root: Path) -> Split:
        """The same for every seed; raises UsageError if there are fewer than n."""
        return self._split("train", n, root)

    def test(self, n: int, root: Path) -> Split:
        """Raises UsageError if there are fewer than n."""
        return self._split("test", n, root)

    def identity(self, root: Path) -> str:
        """Digest of the packed files' own."""
        files = canonical(packed.manifest(root, self.name)["files"])
        return hashlib.sha256(files.encode()).hexdigest()[:16]

    def _split(self, which: str, n: int, root: Path) -> Split:
        x, labels = (torch.from_numpy(packed.array(root, self.name, f"{which}.{part}"))
                     for part in ("images", "labels"))
        if len(x) < n:
            raise UsageError(f"{self.name} has {len(x)} images in its {which} split, not {n}")
        return Split(x[:n], labels[:n])


DATASETS: dict[str, Dataset] = {
    "synthetic-normal": Generated(synthetic_normal, True),
    "synthetic-uniform": Generated(synthetic_uniform, True),
    "procedural": Generated(partial(labelled_images, shape=(3, 32, 32)), False),
    "procedural-28": Generated(partial(labelled_images, shape=(1, 28, 28)), False),
    "mnist": Packed("mnist"),
}


def dataset(name: str) -> Dataset:
    """The data set of that name; raises UsageError if there is none."""
    if name not in DATASETS:
        raise unknown("dataset", name, DATASETS)
    return DATASETS[name]


def load(run: Run, root: Path) -> Tensor:
    """The run's training set (n_train, ...)."""
    return dataset(run.dataset).train(run.n_train, run.seed, root).x


def to_float(x: Tensor) -> Tensor:
    """uint8 pixels to [0, 1] (A22); other data unchanged."""
    return x.float() / 255 if x.dtype == torch.uint8 else x
