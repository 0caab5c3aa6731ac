"""The trained weights in a run's folder: the final ones, and those of snapshots."""

from collections.abc import Mapping
import hashlib
from pathlib import Path
from typing import Any

from benchmarks.harness.store.files import write_atomically


def place(folder: Path, epoch: int | None = None) -> Path:
    """Where the final weights are, or those of the snapshot of an epoch."""
    return folder / (f"model.epoch{epoch}.safetensors" if epoch else "model.safetensors")


def keep(folder: Path, weights: bytes, epoch: int | None = None) -> str:
    """Stores them; returns their digest."""
    write_atomically(place(folder, epoch), weights)
    return digest(weights)


def are_whole(folder: Path, outcome: Mapping[str, Any]) -> bool:
    """Whether all weights are there, and those that the outcome names."""
    files = {place(folder): outcome["model"], **{
        place(folder, int(epoch)): told for epoch, told in outcome["snapshots"].items()}}
    try:
        return all(digest(path.read_bytes()) == told for path, told in files.items())
    except FileNotFoundError:
        return False


def digest(weights: bytes) -> str:
    """By which the outcome names them."""
    return hashlib.sha256(weights).hexdigest()
