"""Which part of a packed data set a run sees; known without loading torch."""

from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.data import packed
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.run import Run

VALIDATION = 5000  # of the training images, kept from who is chosen by them


class Portion(NamedTuple):
    """So many points of a split's arrays, from `start` on."""

    split: str
    start: int
    n: int


def training(run: Run, root: Path) -> Portion:
    """The first n_train, the same for every seed; raises UsageError if there are fewer."""
    return _first(run, "train", run.n_train, root)


def test(run: Run, n: int, root: Path) -> Portion:
    """Raises UsageError if there are fewer than n."""
    return _first(run, "test", n, root)


def validation(run: Run, n: int, root: Path) -> Portion:
    """Of the last VALIDATION of the training set; UsageError if the run trains on them."""
    count = _count(run, "train", root)
    if run.n_train > count - VALIDATION or n > VALIDATION:
        raise UsageError(f"{run.dataset} has {count} training images: {run.n_train} to train "
                         f"on and {n} of the last {VALIDATION} to choose by are too many")
    return Portion("train", count - VALIDATION, n)


PARTS = {"test": test, "validation": validation}


def _first(run: Run, split: str, n: int, root: Path) -> Portion:
    count = _count(run, split, root)
    if count < n:
        raise UsageError(f"{run.dataset} has {count} images in its {split} split, not {n}")
    return Portion(split, 0, n)


def _count(run: Run, split: str, root: Path) -> int:
    images = packed.array(root, run.packed_name, f"{split}.images")
    if images is None:
        raise UsageError(f"{run.dataset} has no {split} split")
    return len(images)
