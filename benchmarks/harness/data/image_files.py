"""Image files, in folders and archives, as data sets to be packed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
import io
import lzma
from pathlib import Path, PurePosixPath
import tarfile
from typing import NamedTuple
import zipfile
import zlib

import numpy as np
from PIL import Image, UnidentifiedImageError

from benchmarks.harness.data.download import DownloadError, download
from benchmarks.harness.errors import MissingDataError, UsageError

# what the libraries raise for damage; the last two: for a password, and an unknown compression
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError,
           RuntimeError, NotImplementedError)


class ArchivedFile(NamedTuple):
    """A file's bytes, and its name for messages."""

    data: bytes
    name: str


def members(path: Path) -> Iterator[ArchivedFile]:
    """The files of a zip or tar archive; raises UsageError if it is not one, or damaged."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    if not member.is_dir():
                        yield ArchivedFile(archive.read(member), f"{path}/{member.filename}")
            return
        with tarfile.open(path) as tar:
            for entry in tar:
                if file := tar.extractfile(entry):
                    yield ArchivedFile(file.read(), f"{path}/{entry.name}")
    except DAMAGED as error:
        raise UsageError(f"{path} is a damaged archive ({error}); fetch it again") from None


SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class ImageCollection:
    """The image files in a folder or zip file; raises UsageError for a damaged zip file."""

    def __init__(self, path: Path) -> None:
        self.path, self.archive = path, None
        if path.is_file():
            try:
                self.archive = zipfile.ZipFile(path)
            except (zipfile.BadZipFile, OSError) as error:
                raise UsageError(
                    f"{path} is a damaged zip file ({error}); fetch it again") from None
            names = _members(path, self.archive)
        else:
            files = filter(Path.is_file, path.rglob("*"))
            names = (file.relative_to(path).as_posix() for file in files)
        self.names = sorted(filter(_is_image, names))

    def read(self, name: str) -> bytes:
        """The bytes of one file; raises UsageError if they are damaged."""
        try:
            if self.archive is None:
                return (self.path / name).read_bytes()
            return self.archive.read(name)
        except DAMAGED as error:
            raise UsageError(f"{self.path}/{name} is damaged ({error}); fetch it again") from None

    def image(self, name: str) -> Image.Image:
        """One image, decoded in full; raises UsageError, with its name, if it is damaged."""
        try:
            image = Image.open(io.BytesIO(self.read(name)))
            image.load()
        except UnidentifiedImageError:
            raise UsageError(f"{self.path}/{name} is not a readable image") from None
        except (OSError, SyntaxError, ValueError) as error:
            raise UsageError(f"{self.path}/{name} is not a readable image ({error})") from None
        return image


def _is_image(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _members(path: Path, archive: zipfile.ZipFile) -> Iterator[str]:
    """Names of the archive's files; raises UsageError if a path leads out of the archive."""
    for member in archive.infolist():
        parts = PurePosixPath(member.filename.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts:
            raise UsageError(f"{path} has an entry that points outside: {member.filename!r}; "
                             "do not use this archive")
        if not member.is_dir():
            yield member.filename


class ImageFormat(NamedTuple):
    """Common size and number of channels of a data set's images."""

    width: int
    height: int
    channels: int  # 1 for grey


def format_of(image: Image.Image) -> ImageFormat:
    """Size and channels; an image with a palette or transparency is not taken for grey."""
    return ImageFormat(*image.size, 1 if image.mode in ("1", "L", "I", "I;16", "F") else 3)


class Request(NamedTuple):
    """Which data set, in which form, and where to look for it."""

    path: Path | None  # --dataset NAME=PATH
    data_dir: Path | None  # --data-dir
    downloads: Path
    size: int | None  # pixels of a side
    crop: str | None

    def places(self, *names: str) -> list[Path]:
        """The given path alone; or else the names that exist under --data-dir."""
        if self.path:
            return [self.path]
        found = [self.data_dir / name for name in names] if self.data_dir else []
        return [path for path in found if path.exists()]

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
    source: str
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
