"""What a source hands over to be packed, and how a picture becomes an array."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.harness.data.album import Album, Form, form_of
from benchmarks.harness.errors import UsageError


class Request(NamedTuple):
    """Which data set, in which form, and where to look for it."""

    path: Path | None  # --dataset NAME=PATH
    data_dir: Path | None  # --data-dir
    downloads: Path
    size: int | None  # pixels of a side
    crop: str | None

    def places(self, *names: str) -> list[Path]:
        """Those of the names that are there under --data-dir; the path alone, if one was given."""
        if self.path:
            return [self.path]
        found = [self.data_dir / name for name in names] if self.data_dir else []
        return [path for path in found if path.exists()]

    @property
    def asked(self) -> str:
        """Where was looked, for a message."""
        if self.path:
            return f"{self.path} has none of its files"
        return f"{self.data_dir} has none of its files" if self.data_dir else \
            "no --data-dir was named"


class Pictures(NamedTuple):
    """One split of a data set, made picture by picture while it is packed."""

    shape: tuple[int, int, int]  # (C, H, W)
    make: Callable[[int], np.ndarray]  # position -> (C, H, W) uint8
    size: int  # pictures
    labels: np.ndarray | None  # (size,)


class Found(NamedTuple):
    """A data set that is there."""

    splits: Mapping[str, Pictures]  # "train", "test"
    source: str
    deviations: Sequence[str] = ()  # from the official release, one line each


def of_array(images: np.ndarray, labels: np.ndarray | None) -> Pictures:
    """A split that is in memory already, images (n, C, H, W)."""
    return Pictures(images.shape[1:], images.__getitem__, len(images), labels)


Preparation = Callable[[Image.Image], Image.Image]


def of_album(
    album: Album, names: Sequence[str], form: Form, shape: tuple[int, int, int],
    prepare: Preparation, labels: np.ndarray | None = None,
) -> Pictures:
    """A split of files that must all have one form; `make` raises UsageError for one that has not.

    Pictures of one channel are made grey, others RGB.
    """
    def make(position: int) -> np.ndarray:
        image = album.image(names[position])
        check_form(album, names[position], image, form)
        array = np.asarray(prepare(image.convert("L" if shape[0] == 1 else "RGB")))
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)

    return Pictures(shape, make, len(names), labels)


def check_form(album: Album, name: str, image: Image.Image, form: Form) -> None:
    """Raises UsageError for a picture of another size, or a grey one where colour is due."""
    found = form_of(image)
    if found[:2] != form[:2]:
        raise UsageError(f"{album.path}/{name} has {found.width}x{found.height} pixels, others "
                         f"{form.width}x{form.height}; all must be of one size")
    if found.channels < form.channels:
        raise UsageError(f"{album.path}/{name} is grey, others are coloured")


def centred(image: Image.Image, side: int | None = None) -> Image.Image:
    """The square in the middle, of that side or as large as there is."""
    width, height = image.size
    side = side or min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))
