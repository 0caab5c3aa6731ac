"""Data sets packed once into memory-mapped arrays, however many processes ask at once.

<root>/<name>/downloads/        files on their way, and those that arrived
<root>/<name>/packed.N/         the arrays and manifest.json; N counts the ways of packing
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
import json
import os
from pathlib import Path
import shutil
import time
from typing import Any

import numpy as np

from benchmarks.harness.console import steps
from benchmarks.harness.data.download import digest
from benchmarks.harness.data.image_files import Found, Pictures
from benchmarks.harness.errors import UsageError
from benchmarks.harness.store import lease
from benchmarks.harness.store.files import discard, remove_leftovers, temporary, write_json

VERSION = 1  # raised when the packing changes, so that old arrays are not mistaken for new ones
POLL_SECONDS = 0.3
CHUNK = 500  # pictures between two steps of the bar
MANIFEST = "manifest.json"

Find = Callable[[Path], Found]  # folder for downloads -> the data set


def folder(root: Path, name: str) -> Path:
    """Where the arrays of a data set are, or will be."""
    return root / name / f"packed.{VERSION}"


def pack(root: Path, name: str, find: Find) -> None:
    """Makes the arrays unless they are there and whole; one process works, others wait for it.

    Raises what `find` and the making of its pictures raise.
    """
    target, told = folder(root, name), False
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
    path = folder(root, name) / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        content["files"], content["deviations"]
    except (OSError, ValueError, KeyError, TypeError):
        raise _corrupt(path) from None
    return content


def array(root: Path, name: str, which: str) -> np.ndarray | None:
    """One array, memory-mapped copy-on-write, or None if the set has no such.

    Raises UsageError if the file is not whole.
    """
    path = folder(root, name) / f"{which}.npy"
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
