"""Checkpoints of a run: the newest and the one before, each behind its digest."""

import hashlib
from pathlib import Path

from benchmarks.harness.errors import UsageError
from benchmarks.harness.store.files import temporary, write_atomically

NAMES = ("checkpoint.pt", "checkpoint.previous.pt")
DIGEST_BYTES = 32  # SHA-256, before the data


def save(folder: Path, data: bytes) -> None:
    """Writes a new checkpoint and keeps the one before; a kill leaves at least one intact."""
    current, previous = (folder / name for name in NAMES)
    fresh = temporary(current)  # goes with the leftovers if this process is killed
    write_atomically(fresh, hashlib.sha256(data).digest() + data)
    if current.exists():
        current.replace(previous)
    fresh.replace(current)


def newest(folder: Path) -> tuple[bytes | None, str | None]:
    """The newest intact checkpoint, or None; and a warning if a newer one is corrupt.

    Raises UsageError if checkpoints exist but none is intact."""
    warning = None
    for path in (folder / name for name in NAMES):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        digest, data = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if hashlib.sha256(data).digest() == digest:
            return data, warning
        warning = f"{path} is corrupt; falling back to the one before"
    if warning:
        raise UsageError(f"run {folder.name}: no checkpoint of {folder} is intact; "
                         "remove that folder to train it again")
    return None, None
