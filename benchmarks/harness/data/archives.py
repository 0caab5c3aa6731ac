"""The files inside a zip or tar archive, read without unpacking anything to disk."""

from collections.abc import Iterator
import lzma
from pathlib import Path
import tarfile
from typing import NamedTuple
import zipfile
import zlib

from benchmarks.harness.errors import UsageError

# what the libraries raise for damage; the last two are a password and an odd compression
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError,
           RuntimeError, NotImplementedError)


class File(NamedTuple):
    """The bytes of a file and what to call it in a message."""

    data: bytes
    name: str


def members(path: Path) -> Iterator[File]:
    """The files of a zip or tar archive; raises UsageError if it is no such, or damaged."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    if not member.is_dir():
                        yield File(archive.read(member), f"{path}/{member.filename}")
            return
        with tarfile.open(path) as tar:
            for entry in tar:
                if file := tar.extractfile(entry):
                    yield File(file.read(), f"{path}/{entry.name}")
    except DAMAGED as error:
        raise UsageError(f"{path} is a damaged archive ({error}); fetch it again") from None
