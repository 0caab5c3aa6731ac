"""Training and test sets as tensors, and the batches drawn from them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from benchmarks.harness.data import packed, portions
from benchmarks.harness.data.generated import GENERATED
from benchmarks.harness.data.split import Split
from benchmarks.harness.errors import unknown
from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.spec.run import Run, canonical
from benchmarks.harness.spec.user_data import FILE_DATASETS, is_packed


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
        return _loaded(run, portions.training(run, root), root)

    def test(self, run: Run, n: int, root: Path) -> Split:
        """See `portions`."""
        return _loaded(run, portions.test(run, n, root), root)

    def validation(self, run: Run, n: int, root: Path) -> Split:
        """See `portions`."""
        return _loaded(run, portions.validation(run, n, root), root)

    def identity(self, run: Run, root: Path) -> str:
        """Digest of the packed files' own."""
        files = canonical(packed.manifest(root, run.packed_name)["files"])
        return hashlib.sha256(files.encode()).hexdigest()[:16]


def _loaded(run: Run, portion: portions.Portion, root: Path) -> Split:
    x, labels = (packed.array(root, run.packed_name, f"{portion.split}.{part}")
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
