"""Data sets packed once into memory-mapped arrays, however many processes ask at once.

<root>/<name>/downloads/        files on their way, and those that arrived
<root>/<name>/packed.N/         the arrays and manifest.json; N counts the ways of packing
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
import json
import os
from pathlib import Path
import shutil
import time
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness.console import steps
from benchmarks.harness.data import celeba, cifar10, mnist, user_images
from benchmarks.harness.data.download import digest
from benchmarks.harness.data.image_files import Found, Pictures, Request
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.artefact import VALIDATION
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.user_data import is_packed
from benchmarks.harness.store import lease
from benchmarks.harness.store.files import discard, remove_leftovers, temporary, write_json

VERSION = 1  # raised when the packing changes, so that old arrays are not mistaken for new ones
POLL_SECONDS = 0.3
CHUNK = 500  # pictures between two steps of the bar
MANIFEST = "manifest.json"
Find = Callable[[Path], Found]  # folder for downloads -> the data set


def packed_folder(root: Path, name: str) -> Path:
    """Where the arrays of a data set are, or will be."""
    return root / name / f"packed.{VERSION}"


def pack(root: Path, name: str, find: Find) -> None:
    """Makes the arrays unless they are there and whole; one process works, others wait for it.

    Raises what `find` and the making of its pictures raise.
    """
    target, told = packed_folder(root, name), False
    target.parent.mkdir(parents=True, exist_ok=True)
    while not _is_whole(target):
        held = lease.acquire(target.parent)
        if held is None:
            if not told:
                print(f"another process prepares {name}: waiting for it", flush=True)
            told = True
            time.sleep(POLL_SECONDS)
            continue
        try:
            if not _is_whole(target):
                if target.exists():
                    print(f"{target} is damaged: packing {name} anew", flush=True)
                    discard(target)
                _write(target, name, find)
            for dead in lease.outnumbered(target.parent):
                dead.unlink(missing_ok=True)
        finally:
            held.release()


def _is_whole(target: Path) -> bool:
    """Whether every file has the checksum that it was written with."""
    try:
        content = json.loads((target / MANIFEST).read_text())
        return "deviations" in content and all(
            digest(target / name) == entry["md5"] for name, entry in content["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _write(target: Path, name: str, find: Find) -> None:
    remove_leftovers(target.parent)
    found = find(target.parent / "downloads")
    fresh = temporary(target)
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for split, pictures in found.splits.items():
            _write_split(fresh, name, split, pictures)
        files = {path.name: {"md5": digest(path), "shape": list(np.load(path, "r").shape)}
                 for path in sorted(fresh.glob("*.npy"))}
        write_json(fresh / MANIFEST, {"files": files, "source": found.source,
                                      "deviations": list(found.deviations)})
        fresh.rename(target)
        shutil.rmtree(target.parent / "downloads", ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _write_split(fresh: Path, name: str, split: str, pictures: Pictures) -> None:
    """Images and labels in an order that is random and the same everywhere.

    A set that is stored class by class would otherwise give a biased "first n".
    """
    from benchmarks.harness.data.seeding import permutation  # torch
    count = pictures.size
    order = permutation(count, 0, f"{name} {split} order").numpy()
    out = np.lib.format.open_memmap(fresh / f"{split}.images.npy", "w+", np.uint8,
                                    (count, *pictures.shape))

    def fill(start: int) -> None:
        for place in range(start, min(start + CHUNK, count)):
            out[place] = pictures.make(order[place])

    starts = range(0, count, CHUNK)
    with (ThreadPoolExecutor(os.cpu_count()) as pool,  # decoding leaves the interpreter lock
          steps(f"packing {name}, {split}", len(starts)) as tell):
        for done, _ in enumerate(pool.map(fill, starts), start=1):
            tell(done)
    out.flush()
    if pictures.labels is not None:
        np.save(fresh / f"{split}.labels.npy", pictures.labels[order])


def manifest(root: Path, name: str) -> dict[str, Any]:
    """Files with their md5 and shape, source, deviations; raises UsageError if unreadable."""
    path = packed_folder(root, name) / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        content["files"], content["deviations"]
    except (OSError, ValueError, KeyError, TypeError):
        raise _corrupt(path) from None
    return content


def packed_array(root: Path, name: str, which: str) -> np.ndarray | None:
    """One array, memory-mapped copy-on-write, or None if the set has no such.

    Raises UsageError if the file is not whole.
    """
    path = packed_folder(root, name) / f"{which}.npy"
    entry = manifest(root, name)["files"].get(path.name)
    if entry is None:
        return None
    try:
        mapped: np.ndarray = np.load(path, mmap_mode="c")
        if list(mapped.shape) != entry["shape"]:
            raise ValueError
    except (OSError, ValueError, EOFError):
        raise _corrupt(path) from None
    return mapped


def _corrupt(path: Path) -> UsageError:
    return UsageError(f"{path} is corrupt; remove {path.parent} to have it packed anew")


SOURCES: dict[str, Callable[[Request], Found]] = {
    "mnist": mnist.find, "cifar10": cifar10.find, "celeba": celeba.find,
    "celebahq": celeba.find_hq,
}


def prepare(
    runs: Iterable[Run], root: Path, data_dir: Path | None, paths: Mapping[str, Path]
) -> None:
    """Packs what the runs need and is not packed yet.

    Raises UsageError where a data set is damaged, or smaller than a run takes it to be,
    MissingDataError where one is not to be had.
    """
    for name, run in {run.packed_name: run for run in runs if is_packed(run)}.items():
        pack(root, name, partial(_find_source, run, data_dir, paths.get(run.dataset)))
        for line in manifest(root, name)["deviations"]:
            print(f"note: {line}")


def unpacked(runs: Iterable[Run], root: Path) -> list[str]:
    """Names of the packed data sets that the runs need and that are not there."""
    needed = sorted({run.packed_name for run in runs if is_packed(run)})
    return [name for name in needed if not packed_folder(root, name).exists()]


def _find_source(run: Run, data_dir: Path | None, path: Path | None, downloads: Path) -> Found:
    find = SOURCES.get(run.dataset, user_images.find)
    return find(Request(path, data_dir, downloads, run.image_size, run.crop))


class Portion(NamedTuple):
    """So many points of a split's arrays, from `start` on."""

    split: str
    start: int
    n: int


def training_rows(run: Run, root: Path) -> Portion:
    """The first n_train, the same for every seed; raises UsageError if there are fewer."""
    return _leading(run, "train", run.n_train, root)


def test_rows(run: Run, n: int, root: Path) -> Portion:
    """Raises UsageError if there are fewer than n."""
    return _leading(run, "test", n, root)


def validation_rows(run: Run, n: int, root: Path) -> Portion:
    """Of the last VALIDATION of the training set; UsageError if the run trains on them."""
    count = _count(run, "train", root)
    if run.n_train > count - VALIDATION or n > VALIDATION:
        raise UsageError(f"{run.dataset} has {count} training images: {run.n_train} to train "
                         f"on and {n} of the last {VALIDATION} to choose by are too many")
    return Portion("train", count - VALIDATION, n)


EVALUATION_ROWS = {"test": test_rows, "validation": validation_rows}


def _leading(run: Run, split: str, n: int, root: Path) -> Portion:
    count = _count(run, split, root)
    if count < n:
        raise UsageError(f"{run.dataset} has {count} images in its {split} split, not {n}")
    return Portion(split, 0, n)


def _count(run: Run, split: str, root: Path) -> int:
    images = packed_array(root, run.packed_name, f"{split}.images")
    if images is None:
        raise UsageError(f"{run.dataset} has no {split} split")
    return len(images)
