"""Data sets packed into memory-mapped arrays, once even if several processes ask for them.

<root>/<name>/downloads/        partial and complete downloads
<root>/<name>/packed.N/         the arrays and manifest.json; N is the version of the packing"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
import json
from pathlib import Path
import shutil
import time
from typing import Any

import numpy as np

from benchmarks.harness.console import steps
from benchmarks.harness.data import celeba, cifar10, mnist, user_images
from benchmarks.harness.data.download import digest
from benchmarks.harness.data.image_files import FoundDataset, ImageSplit, Request
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.artefact import VALIDATION
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.user_data import is_packed, packed_folder
from benchmarks.harness.store import lease
from benchmarks.harness.store.files import discard, remove_leftovers, temporary, write_json
from benchmarks.harness.store.processors import cores

POLL_SECONDS = 0.3
CHUNK = 500  # images between two steps of the progress bar
MANIFEST = "manifest.json"


def pack(root: Path, name: str, find: Callable[[], FoundDataset]) -> None:
    """Packs the arrays unless they exist and are whole; one process works, others wait for it.

    Raises what `find` and the decoding of its images raise."""
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
                    print(f"{target} is damaged: packing {name} again", flush=True)
                    discard(target)
                _write(target, name, find)
            for dead in lease.superseded(target.parent):
                dead.unlink(missing_ok=True)
        finally:
            held.release()


def _is_whole(target: Path) -> bool:
    """Whether every file still has the checksum in the manifest."""
    try:
        content = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
        return "deviations" in content and all(
            digest(target / name) == entry["md5"] for name, entry in content["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _write(target: Path, name: str, find: Callable[[], FoundDataset]) -> None:
    remove_leftovers(target.parent)
    found = find()
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


def _write_split(fresh: Path, name: str, split: str, pictures: ImageSplit) -> None:
    """Writes images and labels, shuffled in the same order everywhere.

    The first n of a set that is stored class by class would not represent it."""
    from benchmarks.harness.data.seeding import permutation  # torch
    count = pictures.size
    order = permutation(count, 0, f"{name} {split} order").numpy()
    out = np.lib.format.open_memmap(fresh / f"{split}.images.npy", "w+", np.uint8,
                                    (count, *pictures.shape))

    def fill(start: int) -> None:
        for place in range(start, min(start + CHUNK, count)):
            out[place] = pictures.make(order[place])

    starts = range(0, count, CHUNK)
    with (ThreadPoolExecutor(cores()) as pool,  # decoding leaves the interpreter lock
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
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        content["files"], content["deviations"]
    except (OSError, ValueError, KeyError, TypeError):
        raise _corrupt(path) from None
    return content


def packed_array(root: Path, name: str, which: str) -> np.ndarray | None:
    """One array, memory-mapped copy-on-write; None if the set does not have it.

    Raises UsageError if the file is not whole."""
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
    return UsageError(f"{path} is corrupt; remove {path.parent} to have it packed again")


SOURCES: dict[str, Callable[[Request], FoundDataset]] = {
    "mnist": mnist.find, "cifar10": cifar10.find, "celeba": celeba.find,
    "celebahq": celeba.find_hq}


def prepare(
    runs: Iterable[Run], root: Path, data_dir: Path | None, paths: Mapping[str, Path]
) -> None:
    """Packs the data sets of the runs that are not packed yet.

    Raises UsageError if a data set is damaged, or smaller than a run assumes; MissingDataError if
    one is missing."""
    for name, run in {run.packed_name: run for run in runs if is_packed(run)}.items():
        request = Request(paths.get(run.dataset), data_dir, root / name / "downloads",
                          run.image_size, run.crop)
        pack(root, name, partial(SOURCES.get(run.dataset, user_images.find), request))
        for line in manifest(root, name)["deviations"]:
            print(f"note: {line}")


def rows(run: Run, split: str, n: int, root: Path) -> tuple[str, slice]:
    """The stored split and the rows of n points: the first n, the same for every seed.

    "validation" is taken from the last VALIDATION rows of the training set. Raises UsageError if
    there are fewer points, or if the run trains on them."""
    stored = "train" if split == "validation" else split
    images = packed_array(root, run.packed_name, f"{stored}.images")
    if images is None:
        raise UsageError(f"{run.dataset} has no {stored} split")
    count, start = len(images), 0
    if split == "validation":
        start = count - VALIDATION
        if run.n_train > start or n > VALIDATION:
            raise UsageError(f"{run.dataset} has {count} training images: {run.n_train} to train "
                             f"on and {n} of the last {VALIDATION} to choose by are too many")
    elif count < n:
        raise UsageError(f"{run.dataset} has {count} images in its {split} split, not {n}")
    return stored, slice(start, start + n)
