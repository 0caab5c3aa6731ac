"""Data sets that come as files: found or downloaded, checked, and packed before anything trains."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.harness import mnist, packed
from benchmarks.harness.streams import generator

# (--data-dir, folder for downloads) -> arrays, and where they came from
SOURCES: dict[str, Callable[[Path | None, Path], tuple[dict[str, np.ndarray], str]]] = {
    "mnist": mnist.read,
}


def prepare(datasets: Iterable[str], root: Path, data_dir: Path | None) -> None:
    """Packs what is not packed yet; raises UsageError where a data set is missing or damaged."""
    for name in dict.fromkeys(datasets):
        if name in SOURCES and not packed.is_packed(root, name):
            packed.pack(root, name, partial(_shuffled, name, data_dir))


def _shuffled(
    name: str, data_dir: Path | None, downloads: Path
) -> tuple[dict[str, np.ndarray], str]:
    """The source's arrays in an order that is random and the same everywhere.

    A set that is stored class by class would otherwise give a biased "first n".
    """
    arrays, source = SOURCES[name](data_dir, downloads)
    shuffled = {}
    for key, array in arrays.items():
        split = key.partition(".")[0]  # images and labels of a split move together
        order = torch.randperm(len(array), generator=generator(0, f"{name} {split} order"))
        shuffled[key] = array[order.numpy()]
    return shuffled, source
