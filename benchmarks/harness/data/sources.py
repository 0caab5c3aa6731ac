"""Data sets that come as files: found or downloaded, checked, and packed before anything trains."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.harness.data import celeba, cifar10, mnist, packed, user_images
from benchmarks.harness.data.image_files import Found, Request
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.user_data import is_packed

SOURCES: dict[str, Callable[[Request], Found]] = {
    "mnist": mnist.find, "cifar10": cifar10.find, "celeba": celeba.find,
    "celebahq": celeba.find_hq,
}


def prepare(
    runs: Iterable[Run], root: Path, data_dir: Path | None, paths: Mapping[str, Path]
) -> None:
    """Packs what the runs need and is not packed yet.

    Raises UsageError where a data set is damaged, or smaller than a run takes it to be,
    MissingDataError where one is not to be had.
    """
    for name, run in {run.packed_name: run for run in runs if is_packed(run)}.items():
        packed.pack(root, name, partial(_found, run, data_dir, paths.get(run.dataset)))
        for line in packed.manifest(root, name)["deviations"]:
            print(f"note: {line}")


def unpacked(runs: Iterable[Run], root: Path) -> list[str]:
    """Names of the packed data sets that the runs need and that are not there."""
    needed = sorted({run.packed_name for run in runs if is_packed(run)})
    return [name for name in needed if not packed.folder(root, name).exists()]


def _found(run: Run, data_dir: Path | None, path: Path | None, downloads: Path) -> Found:
    find = SOURCES.get(run.dataset, user_images.find)
    return find(Request(path, data_dir, downloads, run.image_size, run.crop))
