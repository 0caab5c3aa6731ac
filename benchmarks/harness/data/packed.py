"""Data sets packed into memory-mapped arrays, once even if several processes ask for them.

<root>/<name>/downloads/        partial and complete downloads
<root>/<name>/packed.N/         the arrays, manifest.json and source.json: the files they were made
                                of; N is the version of the packing"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
import hashlib
import json
import os
from pathlib import Path
import shutil
import time
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness.console import say, steps
from benchmarks.harness.data import celeba, cifar10, mnist, user_images
from benchmarks.harness.data.download import digest
from benchmarks.harness.data.file_sets import Source
from benchmarks.harness.data.image_files import FoundDataset, ImageSplit, Request
from benchmarks.harness.errors import MissingDataError, UsageError
from benchmarks.harness.spec.artefact import VALIDATION
from benchmarks.harness.spec.run import Run, canonical
from benchmarks.harness.spec.user_data import is_packed, packed_folder
from benchmarks.harness.store import lease
from benchmarks.harness.store.files import discard, remove_leftovers, temporary, write_json
from benchmarks.harness.store.processors import cores

POLL_SECONDS = 0.3
CHUNK = 500  # images between two steps of the progress bar
MANIFEST, SOURCE = "manifest.json", "source.json"


def pack(
    root: Path, name: str, find: Callable[[], FoundDataset], source: Source | None = None
) -> None:
    """Packs the arrays unless they are there, whole and from `source` (None: from anywhere).

    One process works, others wait for it. What was packed stays until its successor is whole.
    Raises what `find` and the decoding of its images raise, UsageError if they change meanwhile."""
    target, told = packed_folder(root, name), False
    target.parent.mkdir(parents=True, exist_ok=True)
    if not _outdated(target, source):
        return
    while (held := lease.acquire(target.parent)) is None:
        if not told:
            print(f"another process prepares {name}: waiting for it", flush=True)
        told = True
        time.sleep(POLL_SECONDS)
    try:
        if why := _outdated(target, source):
            if target.exists():
                say(f"{target} {why}: packing {name} again")
            _write(target, name, find, source)
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


def _outdated(target: Path, source: Source | None) -> str | None:
    """Why the set has to be packed, or None; notes where its unchanged files are now."""
    return (None if _is_whole(target) else "is damaged") or _is_of_other_files(target, source)


def _is_of_other_files(target: Path, source: Source | None) -> str | None:
    if source is None:
        return None
    note = _source_note(target)
    if note is None:
        return "does not tell of which files it was made"
    if (note["path"], note["stamp"]) == (str(source.path), source.stamp()):
        return None
    fresh = source.note()
    if note["digest"] != fresh["digest"]:
        before = f" ({note['path']})" if note["path"] != fresh["path"] else ""
        return f"was made of other files{before} than are in {source.path} now"
    if os.access(target, os.W_OK):
        write_json(target / SOURCE, fresh)
    return None


def _source_note(target: Path) -> dict[str, Any] | None:
    """What `Source.note` gave when the set was packed; None for a downloaded or older one."""
    try:
        note: dict[str, Any] = json.loads((target / SOURCE).read_text(encoding="utf-8"))
        return {key: note[key] for key in ("path", "stamp", "digest")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(
    target: Path, name: str, find: Callable[[], FoundDataset], source: Source | None
) -> None:
    remove_leftovers(target.parent)
    note = source.note() if source else None
    found = find()
    if source is None or not source.known_digest:  # a user's own is told by its survey
        _say_once(_told(name, {split: part.size for split, part in found.splits.items()},
                        source.path if source else DOWNLOAD))
    fresh = temporary(target)
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for split, pictures in found.splits.items():
            _write_split(fresh, name, split, pictures)
        files = {path.name: {"md5": digest(path), "shape": list(np.load(path, "r").shape)}
                 for path in sorted(fresh.glob("*.npy"))}
        write_json(fresh / MANIFEST, {"files": files, "deviations": list(found.deviations),
                                      "source": source.path.name if source else DOWNLOAD})
        if source and note:
            if note["stamp"] != source.stamp():
                raise UsageError(f"{source.path} changed while it was packed; start again")
            write_json(fresh / SOURCE, note)
        discard(target)
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


def identity(run: Run, root: Path) -> str | None:
    """Digest of the packed files' checksums; None for a generated data set."""
    if not is_packed(run):
        return None
    return hashlib.sha256(canonical(manifest(root, run.packed_name)["files"]).encode()
                          ).hexdigest()[:16]


class Finder(NamedTuple):
    """How a data set is found: its files, or None without any; then its decoded splits."""

    locate: Callable[[Request], Source | None]
    find: Callable[[Request, Source | None], FoundDataset]


SOURCES = {
    "mnist": Finder(mnist.locate, mnist.find), "cifar10": Finder(cifar10.locate, cifar10.find),
    "celeba": Finder(celeba.locate, celeba.find),
    "celebahq": Finder(celeba.locate_hq, celeba.find_hq)}
OWN = Finder(user_images.locate, user_images.find)
DOWNLOAD = "download"


class Prepared(NamedTuple):
    """A data set to be prepared."""

    name: str  # packed
    target: Path
    source: Source | None
    find: Callable[[], FoundDataset]


def _asked(run: Run, root: Path, data_dir: Path | None, paths: Mapping[str, Path]) -> Prepared:
    name = run.packed_name
    request = Request(paths.get(run.dataset), data_dir and data_dir.absolute(),
                      root / name / "downloads", run.image_size, run.crop, run.data_digest)
    finder = SOURCES.get(run.dataset, OWN)
    source = finder.locate(request)
    return Prepared(name, packed_folder(root, name), source, partial(finder.find, request, source))


def prepare(
    runs: Iterable[Run], root: Path, data_dir: Path | None, paths: Mapping[str, Path]
) -> None:
    """Packs the data sets of the runs that are not packed yet, or from other files.

    Raises UsageError if a data set is damaged, or smaller than a run assumes; MissingDataError if
    one is missing."""
    for name, run in {run.packed_name: run for run in runs if is_packed(run)}.items():
        asked = _asked(run, root, data_dir, paths)
        pack(root, name, asked.find, asked.source)
        if not run.data_digest:
            _say_once(_told_packed(root, name))
        for line in manifest(root, name)["deviations"]:
            say(f"note: {line}")


def is_outdated(
    run: Run, root: Path, data_dir: Path | None, paths: Mapping[str, Path]
) -> bool:
    """Whether the run's set is packed, but from other files than are named now."""
    if run.data_digest or not packed_folder(root, run.packed_name).exists():
        return False
    asked = _asked(run, root, data_dir, paths)
    return _is_of_other_files(asked.target, asked.source) is not None


def foreseen(run: Run, root: Path, data_dir: Path | None, paths: Mapping[str, Path]) -> str:
    """What `prepare` would say of the run's data set, in a line; packs and downloads nothing.

    Raises UsageError if its files are damaged."""
    try:
        asked = _asked(run, root, data_dir, paths)
        is_there = asked.target.exists()
        if is_there and not _is_of_other_files(asked.target, asked.source):
            return _told_packed(root, asked.name)
        if asked.source is None and run.dataset in ("mnist", "cifar10"):
            return f"data: {asked.name}: to be downloaded"
        sizes = {split: part.size for split, part in asked.find().splits.items()}
    except MissingDataError as error:
        return f"data: {run.packed_name}: {error}"
    told = _told(asked.name, sizes, asked.source.path if asked.source else DOWNLOAD)
    return f"{told}, to be packed {'again' if is_there else 'first'}"


def _told(name: str, sizes: Mapping[str, int], source: Path | str) -> str:
    counts = " and ".join(f"{size} {split} images" for split, size in sizes.items())
    return f"data: {name}: {counts} from {source}"


def _told_packed(root: Path, name: str) -> str:
    content, note = manifest(root, name), _source_note(packed_folder(root, name))
    sizes = {split: content["files"][f"{split}.images.npy"]["shape"][0]
             for split in ("train", "test")}
    return _told(name, sizes, note["path"] if note else content["source"])


@cache
def _say_once(line: str) -> None:
    """Says it, though many artefacts share a data set."""
    say(line)


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
