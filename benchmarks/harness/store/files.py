"""Atomic writing: a temporary file, then a rename, so that no file is ever half-written."""

from collections.abc import Iterator
from contextlib import contextmanager
import hashlib
import json
import os
from pathlib import Path
import re
import shutil
import socket
from typing import BinaryIO

from benchmarks.harness.store import lease


def temporary(path: Path) -> Path:
    """The temporary name under which this process prepares `path`."""
    return path.with_name(f".{path.name}.{socket.gethostname()}-{_here()}.{os.getpid()}.tmp")


def _here() -> str:
    """Tells apart the hosts and containers of one name."""
    return hashlib.sha256(lease.processes().encode()).hexdigest()[:8]


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
    """Removes temporary files and folders of dead processes; the caller holds the folder's lease.

    Another host's process counts as dead if it has written nothing for as long as makes a lease's
    owner dead."""
    own = re.compile(rf"\..+\.{re.escape(socket.gethostname())}(-{_here()})?\.(\d+)\.tmp")
    for leftover in folder.glob(".*.tmp"):
        found = own.fullmatch(leftover.name)
        if (lease.start_time(int(found[2])) is not None if found else
                lease.silence(leftover) < lease.HEARTBEAT_SECONDS * lease.MISSED_HEARTBEATS):
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
