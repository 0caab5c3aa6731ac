"""Image files, in folders and archives, as data sets to be packed."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
import io
import os
from pathlib import Path, PurePosixPath
import struct
from typing import NamedTuple
import zlib

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from benchmarks.harness.data.download import DownloadError, download
from benchmarks.harness.data.file_sets import FileSet
from benchmarks.harness.errors import MissingDataError, UsageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MOST_PIXELS = 2 * 89_478_485  # Pillow's limit, beyond which it takes an image for an attack
Image.MAX_IMAGE_PIXELS = None  # `decoded` checks instead, with the file's name and no warning
# bytes of a PNG's text: image generators write whole workflows
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 2**28
GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N")


def is_image(name: str) -> bool:
    """Whether the name ends as an image's does."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


class ImageCollection(FileSet):
    """The image files in a folder or archive."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.others = [name for name in self.names if not is_image(name)]
        self.names = [name for name in self.names if is_image(name)]

    def image(self, name: str) -> Image.Image:
        """One image, see `decoded`."""
        return decoded(self.read(name), f"{self.path}/{name}")


def decoded(data: bytes, file: str) -> Image.Image:
    """An image as a viewer shows it, 8 bits a channel: mode L if its form is grey, else RGB.

    Turned by its orientation flag, transparent pixels over white, the upper 8 of 16 bits. Raises
    UsageError with the file's name if it is damaged, too large, or has numbers of no known range.
    """
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > MOST_PIXELS:
            raise UsageError(f"{file} has {image.width}x{image.height} pixels; images of up to "
                             f"{MOST_PIXELS / 1e6:.0f} million are read, so scale it down")
        image.load()
        with suppress(struct.error):  # it is turned by then; only its metadata are not rewritten
            ImageOps.exif_transpose(image, in_place=True)
        return _in_8_bits(image, file)
    except UnidentifiedImageError:
        raise UsageError(f"{file} is not a readable image") from None
    except (OSError, SyntaxError, ValueError, EOFError, zlib.error, struct.error) as error:
        raise UsageError(f"{file} is not a readable image ({error})") from None


def _in_8_bits(image: Image.Image, file: str) -> Image.Image:
    target = "L" if image.mode in GREY else "RGB"
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() >= 2**16:
            raise UsageError(f"{file} has values from {values.min()} to {values.max()}; "
                             "images of 8 or 16 bits are read")
        seen = np.full(values.shape, 255, np.uint16)
        shown = values != image.info.get("transparency", -1)  # PNG's one transparent shade
        seen[shown] = values[shown] >> 8
        return Image.fromarray(seen.astype(np.uint8))
    if image.mode == "F":
        raise UsageError(f"{file} has fractions for values; images of 8 or 16 bits are read")
    key = image.info.get("transparency")  # also one colour
    if isinstance(key, tuple) and max(key) > 255:  # of 16 bits: Pillow keeps 8
        image.info["transparency"] = tuple(value >> 8 for value in key)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    return image if image.mode == target else image.convert(target)


class ImageFormat(NamedTuple):
    """Common size and number of channels of a data set's images."""

    width: int
    height: int
    channels: int  # 1 for grey


def format_of(image: Image.Image) -> ImageFormat:
    """Size and channels of a decoded image; one with a palette is not taken for grey."""
    return ImageFormat(*image.size, len(image.getbands()))


class Request(NamedTuple):
    """Which data set, in which form, and where to look for it."""

    path: Path | None  # --dataset NAME=PATH
    data_dir: Path | None  # --data-dir
    downloads: Path
    size: int | None  # pixels of a side
    crop: str | None
    digest: str | None = None  # of a user's own images

    def places(self, *names: str) -> list[Path]:
        """What there is of these names, in any case, below the given path or else --data-dir.

        The path may itself be of such a name, and a given path is the last to be tried."""
        base = self.path or self.data_dir
        if base is None or base.is_file():
            return [base] if base else []

        @cache
        def listed(folder: Path) -> dict[str, Path]:
            return ({name.lower(): folder / name for name in sorted(os.listdir(folder))}
                    if folder.is_dir() else {})

        found = []
        for name in map(PurePosixPath, names):
            place: Path | None = base
            for part in name.parts:
                place = listed(place).get(part.lower()) if place else None
            if place:
                found.append(place)
            elif name.name.lower() == base.name.lower():
                found.append(base)
        return [*found, self.path] if self.path else found

    def missing(self, title: str, what: str, mirrors: str = "") -> MissingDataError:
        """The error for a missing data set: the places searched, and where to put the files."""
        place = self.path or self.data_dir
        asked = f"{place} has none of its files" if place else "no --data-dir was named"
        return MissingDataError(f"{title} is missing: {asked}{mirrors}; put {what} and say "
                                "--data-dir DIR, or try --scale smoke, which needs no data")

    def fetch(
        self, title: str, what: str, mirrors: Sequence[str], md5s: Mapping[str, str]
    ) -> list[Path]:
        """The files, downloaded; raises MissingDataError where no mirror has one."""
        try:
            return [download(name, mirrors, md5, self.downloads) for name, md5 in md5s.items()]
        except DownloadError as error:
            raise self.missing(title, what, f", and no mirror gave it ({error})") from None


class ImageSplit(NamedTuple):
    """One split of a data set, decoded image by image while it is packed."""

    shape: tuple[int, int, int]  # (C, H, W)
    make: Callable[[int], np.ndarray]  # position -> (C, H, W) uint8
    size: int  # number of images
    labels: np.ndarray | None  # (size,)


class FoundDataset(NamedTuple):
    """A data set whose files were found."""

    splits: Mapping[str, ImageSplit]  # "train", "test"
    deviations: Sequence[str] = ()  # from the official release, one line each


def split_of_array(images: np.ndarray, labels: np.ndarray | None) -> ImageSplit:
    """A split that is in memory already, images (n, C, H, W)."""
    return ImageSplit(images.shape[1:], images.__getitem__, len(images), labels)


def split_of_files(
    images: ImageCollection, names: Sequence[str], form: ImageFormat, shape: tuple[int, int, int],
    crop: int | None = None, resample: Image.Resampling = Image.Resampling.LANCZOS,
    labels: np.ndarray | None = None,
) -> ImageSplit:
    """A split of files: each image's central square, `crop` wide or as large as possible, resized.

    Images become grey for one channel, else RGB. `make` raises UsageError for an image of
    another size than `form`, or a grey one where colour is expected."""
    def make(position: int) -> np.ndarray:
        image, file = images.image(names[position]), f"{images.path}/{names[position]}"
        width, height = image.size
        if image.size != form[:2]:
            raise UsageError(f"{file} has {width}x{height} pixels, others "
                             f"{form.width}x{form.height}; all must be of one size")
        if format_of(image).channels < form.channels:
            raise UsageError(f"{file} is grey, others are coloured")
        side = crop or min(image.size)
        left, top = (width - side) // 2, (height - side) // 2
        square = image.convert("L" if shape[0] == 1 else "RGB").crop(
            (left, top, left + side, top + side))
        array = np.asarray(square.resize(shape[1:], resample))
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)

    return ImageSplit(shape, make, len(names), labels)
