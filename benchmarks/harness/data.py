"""Training and test sets as tensors, and the batches drawn from them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from benchmarks.harness import packed
from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.generated import GENERATED
from benchmarks.harness.run import Run, canonical
from benchmarks.harness.spec import Measure
from benchmarks.harness.split import Split
from benchmarks.harness.user_data import FILE_DATASETS

VALIDATION = 5000  # of the training images, kept from who is chosen by them


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
        """The same for every seed; raises UsageError if there are fewer than n_train."""
        return self._first(run, "train", run.n_train, root)

    def test(self, run: Run, n: int, root: Path) -> Split:
        """Raises UsageError if there are fewer than n."""
        return self._first(run, "test", n, root)

    def validation(self, run: Run, n: int, root: Path) -> Split:
        """Of the last VALIDATION of the training set; UsageError if the run trains on them."""
        whole = self._whole(run, "train", root)
        count = len(whole.x)
        if run.n_train > count - VALIDATION or n > VALIDATION:
            raise UsageError(f"{run.dataset} has {count} training images: {run.n_train} to train "
                             f"on and {n} of the last {VALIDATION} to choose by are too many")
        return whole.part(count - VALIDATION, n)

    def identity(self, run: Run, root: Path) -> str:
        """Digest of the packed files' own."""
        files = canonical(packed.manifest(root, run.packed_name)["files"])
        return hashlib.sha256(files.encode()).hexdigest()[:16]

    def _first(self, run: Run, which: str, n: int, root: Path) -> Split:
        whole = self._whole(run, which, root)
        if len(whole.x) < n:
            raise UsageError(f"{run.dataset} has {len(whole.x)} images in its {which} split, "
                             f"not {n}")
        return whole.part(0, n)

    def _whole(self, run: Run, which: str, root: Path) -> Split:
        x, labels = (packed.array(root, run.packed_name, f"{which}.{part}")
                     for part in ("images", "labels"))
        if x is None:
            raise UsageError(f"{run.dataset} has no {which} split")
        return Split(torch.from_numpy(x), None if labels is None else torch.from_numpy(labels))


def dataset(run: Run) -> Dataset:
    """Where the run's points come from; raises UsageError for a data set that is not known."""
    if run.dataset in GENERATED:
        return GENERATED[run.dataset]
    if run.dataset not in FILE_DATASETS and run.data_digest is None:
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
