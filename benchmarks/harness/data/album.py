"""Image files in a folder or a zip file, by name, without unpacking anything to disk."""

from collections.abc import Iterator
import io
from pathlib import Path, PurePosixPath
from typing import NamedTuple
import zipfile

from PIL import Image, UnidentifiedImageError

from benchmarks.harness.data.archives import DAMAGED
from benchmarks.harness.errors import UsageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class Album:
    """The image files below a folder or in a zip file; raises UsageError for what is no such."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.archive = _zip(path) if path.is_file() else None
        names = _members(path, self.archive) if self.archive else _files(path)
        self.names = sorted(name for name in names if _is_image(name))

    def read(self, name: str) -> bytes:
        """The bytes of one file; raises UsageError if the archive is damaged there."""
        try:
            if self.archive is None:
                return (self.path / name).read_bytes()
            return self.archive.read(name)
        except DAMAGED as error:
            raise UsageError(f"{self.path}/{name} is damaged ({error}); fetch it again") from None

    def image(self, name: str) -> Image.Image:
        """One picture, decoded in full; raises UsageError, naming it, if it is damaged."""
        try:
            image = Image.open(io.BytesIO(self.read(name)))
            image.load()
        except UnidentifiedImageError:
            raise UsageError(f"{self.path}/{name} is no readable image") from None
        except (OSError, SyntaxError, ValueError) as error:
            raise UsageError(f"{self.path}/{name} is no readable image ({error})") from None
        return image


def _is_image(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _files(path: Path) -> Iterator[str]:
    for file in path.rglob("*"):
        if file.is_file():
            yield file.relative_to(path).as_posix()


def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise UsageError(f"{path} is a damaged zip file ({error}); fetch it again") from None


def _members(path: Path, archive: zipfile.ZipFile) -> Iterator[str]:
    """The files of the archive; raises UsageError if one would lie outside of it."""
    for member in archive.infolist():
        parts = PurePosixPath(member.filename.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts:
            raise UsageError(f"{path} has an entry that points outside: {member.filename!r}; "
                             "do not use this archive")
        if not member.is_dir():
            yield member.filename


class Form(NamedTuple):
    """What the pictures of a set have in common."""

    width: int
    height: int
    channels: int  # 1 for grey


def form_of(image: Image.Image) -> Form:
    """Size and channels; a palette or transparency makes no grey picture."""
    return Form(*image.size, 1 if image.mode in ("1", "L", "I", "I;16", "F") else 3)
