"""Files that are never half-written: temp-and-rename, checksums, leftovers."""

import hashlib
import json
import os
from pathlib import Path
import socket

from benchmarks.harness import lease

DIGEST_BYTES = 32


class CorruptError(Exception):
    """A file whose content is not what was written."""


def write_atomically(path: Path, data: bytes) -> None:
    """The file holds its old content or `data` in full, whenever the process or machine dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Sorted, indented JSON, atomically; NaN is refused (ValueError)."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False)
    write_if_changed(path, (text + "\n").encode())


def write_if_changed(path: Path, data: bytes) -> bool:
    """Writes `data` unless the file holds just that; True if it wrote."""
    if path.exists() and path.read_bytes() == data:
        return False
    write_atomically(path, data)
    return True


def remove_leftovers(folder: Path) -> None:
    """Drops the temporary files of writers of this host that were killed."""
    for temporary in folder.glob(f".*.{socket.gethostname()}.*.tmp"):
        if lease.start_time(int(temporary.suffixes[-2][1:])) is None:
            temporary.unlink(missing_ok=True)


def seal(data: bytes) -> bytes:
    """The data behind its SHA-256 digest."""
    return hashlib.sha256(data).digest() + data


def unseal(path: Path) -> bytes:
    """The data of a sealed file; raises CorruptError if any byte of it is not what was sealed."""
    content = path.read_bytes()
    digest, data = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(data).digest() != digest:
        raise CorruptError(f"{path} is corrupt")
    return data
