"""A user's own folder or zip file of images as a data set (`--dataset NAME=PATH`)."""

from collections.abc import Sequence
import hashlib
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.harness.data import image_files
from benchmarks.harness.errors import UsageError

TEST_SHARE, MOST_TEST = 10, 10_000  # without train/ and test/, one image in ten is a test image
TEST_FOLDERS, TRAIN_FOLDERS = ("test", "val", "valid"), ("train", "training")
DIGITS = 16  # of a survey's digest


class Survey(NamedTuple):
    """Names, splits and classes of a folder, before any image is decoded."""

    digest: str  # of every file's name and content
    splits: dict[str, list[str]]
    classes: dict[str, int] | None  # class folder -> label
    depth: int  # number of folders above the class folders


def survey(path: Path) -> Survey:
    """Names, splits and classes; raises UsageError for fewer than two images."""
    if not path.exists():
        raise UsageError(f"--dataset: there is no {path}")
    images = image_files.ImageCollection(path)
    if len(images.names) < 2:
        raise UsageError(f"--dataset: {path} has {len(images.names)} images (PNG, JPEG or WebP); "
                         "that is not a data set")
    content = hashlib.sha256()
    for name in images.names:
        content.update(f"{name}\0{hashlib.sha256(images.read(name)).hexdigest()}\n".encode())
    if around := _around(images.names):
        content.update(f"{around}\n".encode())  # it decides which folders are classes and splits
    digest = content.hexdigest()[:DIGITS]
    splits, depth = _splits(images.names, digest, around)
    folders = {name: PurePosixPath(name).parts[depth:-1] for name in images.names}
    names = {parts[0] for parts in folders.values() if parts}
    classes = None
    if len(names) > 1 and all(folders.values()):
        classes = {folder: label for label, folder in enumerate(sorted(names))}
    return Survey(digest, splits, classes, depth)


def _around(names: Sequence[str]) -> int:
    """The number of folders around all images: `zip -r flowers.zip flowers/` makes one."""
    parts = [PurePosixPath(name).parts[:-1] for name in names]
    together = takewhile(lambda level: len(set(level)) == 1, zip(*parts, strict=False))
    depth = len(list(together))
    return depth if any(len(folders) > depth for folders in parts) else 0


def _splits(names: Sequence[str], digest: str, around: int) -> tuple[dict[str, list[str]], int]:
    """The names in each split, by folders train/ and test/ if both exist; and `Survey.depth`."""
    top = {name: PurePosixPath(name).parts[around].lower() for name in names}
    if set(top.values()) & set(TRAIN_FOLDERS) and set(top.values()) & set(TEST_FOLDERS):
        test = [name for name in names if top[name] in TEST_FOLDERS]
        train = [name for name in names if top[name] in TRAIN_FOLDERS]
        return {"train": train, "test": test}, around + 1
    # shuffled, so that every class can reach both splits, and by names and content alone
    order = sorted(names, key=lambda name: hashlib.sha256(f"{digest}/{name}".encode()).digest())
    count = min(MOST_TEST, max(1, len(names) // TEST_SHARE))
    return {"train": sorted(order[count:]), "test": sorted(order[:count])}, around


def find(request: image_files.Request) -> image_files.FoundDataset:
    """The folder's images: the central square, resized to `request.size`; in colour if any is.

    Raises UsageError for images of different sizes, when they are packed."""
    assert request.path
    images, found = image_files.ImageCollection(request.path), survey(request.path)
    form = image_files.format_of(images.image(images.names[0]))._replace(channels=1)
    channels = 3 if any(_is_coloured(images.image(name)) for name in images.names) else 1
    size = request.size or min(form.width, form.height)
    splits = {split: image_files.split_of_files(images, names, form, (channels, size, size),
                                                labels=_labels(names, found))
              for split, names in found.splits.items()}
    return image_files.FoundDataset(splits, request.path.name)


def _is_coloured(image: Image.Image) -> bool:
    """Whether any pixel is coloured; WebP stores grey images with three equal channels."""
    pixels = np.asarray(image.convert("RGB"))
    return bool((pixels != pixels[..., :1]).any())


def _labels(names: Sequence[str], found: Survey) -> np.ndarray | None:
    if found.classes is None:
        return None
    folders = [PurePosixPath(name).parts[found.depth] for name in names]
    return np.array([found.classes[folder] for folder in folders], np.int64)
