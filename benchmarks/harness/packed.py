"""Data sets packed once into memory-mapped arrays, however many processes ask at once.

<root>/<name>/downloads/        files on their way, and those that arrived
<root>/<name>/packed.N/         the arrays and manifest.json; N counts the ways of packing
"""

from collections.abc import Callable, Mapping
import json
from pathlib import Path
import shutil
import time
from typing import Any

import numpy as np

from benchmarks.harness import lease
from benchmarks.harness.download import digest
from benchmarks.harness.errors import UsageError
from benchmarks.harness.files import remove_leftovers, temporary, write_json

VERSION = 1  # raised when the packing changes, so that old arrays are not mistaken for new ones
POLL_SECONDS = 0.3
MANIFEST = "manifest.json"

# (folder for downloads) -> arrays by name, such as train.images; and where they came from
Read = Callable[[Path], tuple[Mapping[str, np.ndarray], str]]


def folder(root: Path, name: str) -> Path:
    """Where the arrays of a data set are, or will be."""
    return root / name / f"packed.{VERSION}"


def is_packed(root: Path, name: str) -> bool:
    """Whether the arrays are there; they come by renaming a whole folder, so never in part."""
    return folder(root, name).exists()


def pack(root: Path, name: str, read: Read) -> None:
    """Makes the arrays unless they are there; of several processes one works, the others wait.

    Raises what `read` raises.
    """
    target = folder(root, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    while not target.exists():
        held = lease.acquire(target.parent)
        if held is None:
            time.sleep(POLL_SECONDS)
            continue
        try:
            if not target.exists():
                _write(target, read)
            for dead in lease.outnumbered(target.parent):
                dead.unlink(missing_ok=True)
        finally:
            held.release()


def _write(target: Path, read: Read) -> None:
    remove_leftovers(target.parent)
    fresh = temporary(target)
    arrays, source = read(target.parent / "downloads")
    try:
        fresh.mkdir()
        for name, array in arrays.items():
            np.save(fresh / f"{name}.npy", array)
        files = {f"{name}.npy": {"md5": digest(fresh / f"{name}.npy"), "shape": list(array.shape)}
                 for name, array in arrays.items()}
        write_json(fresh / MANIFEST, {"files": files, "source": source})
        fresh.rename(target)
        shutil.rmtree(target.parent / "downloads", ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def manifest(root: Path, name: str) -> dict[str, Any]:
    """Files with their md5 and shape, and the source; raises UsageError if it is unreadable."""
    path = folder(root, name) / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        content["files"]
    except (OSError, ValueError, KeyError, TypeError):
        raise _corrupt(path) from None
    return content


def array(root: Path, name: str, which: str) -> np.ndarray:
    """One array, memory-mapped: processes share its pages, and what one writes stays its own.

    Raises UsageError if the file is not there or not whole.
    """
    path = folder(root, name) / f"{which}.npy"
    try:
        mapped: np.ndarray = np.load(path, mmap_mode="c")
    except (OSError, ValueError, EOFError):
        raise _corrupt(path) from None
    if list(mapped.shape) != manifest(root, name)["files"][path.name]["shape"]:
        raise _corrupt(path)
    return mapped


def _corrupt(path: Path) -> UsageError:
    return UsageError(f"{path} is corrupt; remove {path.parent} to have it packed anew")
