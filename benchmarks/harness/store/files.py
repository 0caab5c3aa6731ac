"""Atomic writing: a temporary file, then a rename, so that no file is ever half-written."""

from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import shutil
import socket
from typing import BinaryIO

from benchmarks.harness.store.lease import start_time


def temporary(path: Path) -> Path:
    """The temporary name under which this process prepares `path`."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` once it is complete.

    If the process or machine dies, `path` holds its old content or all new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = temporary(path)
    try:
        with open(fresh, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Writes `data`, see `replacing`."""
    with replacing(path) as file:
        file.write(data)


def write_json(path: Path, value: object) -> None:
    """Writes sorted, indented JSON atomically; raises ValueError for NaN."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False)
    write_if_changed(path, (text + "\n").encode())


def write_if_changed(path: Path, data: bytes) -> bool:
    """Writes `data` unless the file holds it already; returns whether it wrote."""
    if path.exists() and path.read_bytes() == data:
        return False
    write_atomically(path, data)
    return True


def remove_leftovers(folder: Path) -> None:
    """Removes temporary files and folders of killed processes of this host."""
    for leftover in folder.glob(f".*.{socket.gethostname()}.*.tmp"):
        if start_time(int(leftover.suffixes[-2][1:])) is not None:
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def discard(folder: Path) -> None:
    """Removes a folder, renamed first, so that a kill leaves no part of it under its name."""
    doomed = folder.with_name(f".{folder.name}.discarded")
    shutil.rmtree(doomed, ignore_errors=True)
    if folder.exists():
        folder.rename(doomed)
        shutil.rmtree(doomed)
