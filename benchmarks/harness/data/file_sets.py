"""The files of a folder or archive, whatever packed them; and of which files a set was made."""

import bz2
from collections.abc import Callable, Iterator, Mapping
from functools import partial
import gzip
import hashlib
import lzma
import os
from pathlib import Path, PurePosixPath
import posixpath
import shutil
import stat
import tarfile
import tempfile
import threading
from typing import IO, Any, NamedTuple
import weakref
import zipfile
import zlib

from benchmarks.harness.errors import UsageError

# what the libraries raise for damage; the last two: for a password, and an unknown compression
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError,
           RuntimeError, NotImplementedError)
ZIP_MAGIC = b"PK"
OPENERS: dict[bytes, Callable[..., Any]] = {  # first bytes -> reader
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
ENDINGS = ("", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")  # a folder, or an archive
HIDDEN = (".", "__MACOSX", "@eaDir", "$RECYCLE.BIN")  # how names begin that systems leave behind


Reader = Callable[[], bytes]


def is_hidden(name: str) -> bool:
    """Whether a part of the name is hidden, or left by an operating system."""
    return any(part.startswith(HIDDEN) for part in PurePosixPath(name).parts)


class FileSet:
    """The files below a folder, or in a zip or tar archive, by content and not by ending.

    `names` are relative, sorted, with "/" between folders; linked files and folders are followed.
    Raises UsageError for a damaged archive, or one with an entry that leads out of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped: list[str] = []  # links that lead nowhere, or back up
        self.hidden = 0  # number of hidden files and folders
        self._readers: Mapping[str, Reader] = {}
        try:
            if path.is_dir():
                self._readers = {name: (path / name).read_bytes for name in self._walk("", ())}
            else:
                self._readers = self._zipped() if begins(path, ZIP_MAGIC) else self._tarred()
        except DAMAGED as error:
            raise unreadable(path, error, "a damaged archive") from None
        self.skipped.sort()
        self.hidden += sum(map(is_hidden, self._readers))
        self.names = sorted(name for name in self._readers if not is_hidden(name))

    def read(self, name: str) -> bytes:
        """The bytes of one file; raises UsageError if they are damaged."""
        try:
            return self._readers[name]()
        except DAMAGED as error:
            raise unreadable(f"{self.path}/{name}", error, "damaged") from None

    def sources(self) -> dict[str, Path]:
        """The files on disk, by name: those of the folder, or the archive."""
        if self.path.is_dir():
            return {name: self.path / name for name in self.names}
        return {self.path.name: self.path}

    def _walk(self, below: str, above: tuple[Path, ...]) -> Iterator[str]:
        """The names of the regular files, hidden folders left out."""
        folder = self.path / below
        above = (*above, folder.resolve())
        for entry in os.scandir(folder):
            name = f"{below}{entry.name}"
            if entry.is_dir():
                target = Path(entry.path).resolve() if entry.is_symlink() else None
                if is_hidden(entry.name):
                    self.hidden += 1
                elif target and (target in above or above[0].is_relative_to(target)):
                    self.skipped.append(name)
                else:
                    yield from self._walk(f"{name}/", above)
            elif entry.is_file():
                yield name
            elif entry.is_symlink() and not is_hidden(entry.name):
                self.skipped.append(name)

    def _zipped(self) -> dict[str, Reader]:
        archive = zipfile.ZipFile(self.path)  # reads of several threads take turns
        files: dict[str, Reader] = {}
        links: dict[str, str] = {}
        for member in archive.infolist():
            name = self._inside(member.filename.replace("\\", "/"), member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                links[name] = os.fsdecode(archive.read(member))
            elif not member.is_dir():
                files[name] = partial(archive.read, member)
        return self._with_linked(files, links)

    def _tarred(self) -> dict[str, Reader]:
        archive, lock = _opened_tar(self.path), threading.Lock()

        def read(member: tarfile.TarInfo) -> bytes:
            with lock:
                file = archive.extractfile(member)
                assert file  # only regular files are read
                return file.read()

        members = archive.getmembers()
        files = {self._inside(member.name): partial(read, member)
                 for member in members if member.isreg()}
        links = {self._inside(member.name): member.linkname for member in members if member.issym()}
        links |= {self._inside(member.name): os.path.relpath(
            member.linkname, posixpath.dirname(member.name)) for member in members
            if member.islnk()}  # a hard link's target is named from the top
        return self._with_linked(files, links)

    def _with_linked(
        self, files: Mapping[str, Reader], links: Mapping[str, str]
    ) -> dict[str, Reader]:
        """The archive's files, also under the names of links to them."""
        found = dict(files)
        for name, to in links.items():
            target = self._inside(posixpath.join(posixpath.dirname(name), to), name)
            if target in files:
                found[name] = files[target]
            else:
                self.skipped.append(name)
        return found

    def _inside(self, name: str, entry: str = "") -> str:
        """The name without "." and doubled "/"; raises UsageError if it leads out."""
        inside = posixpath.normpath(name)
        if inside.startswith(("/", "../")) or inside == "..":
            raise UsageError(f"{self.path} has an entry that points outside: {entry or name!r}; "
                             "do not use this archive, or pack the files themselves, not links")
        return inside


def unreadable(place: Path | str, error: Exception, otherwise: str) -> UsageError:
    """The error for a file that the system does not give, or else one that is `otherwise`."""
    if isinstance(error, OSError) and error.errno:
        return UsageError(f"{error.filename or place} cannot be read: {error.strerror}")
    return UsageError(f"{place} is {otherwise} ({error}); fetch it again")


def begins(path: Path, magic: bytes) -> bool:
    """Whether the file's content begins so."""
    with open(path, "rb") as file:
        return file.read(len(magic)) == magic


def _opened_tar(path: Path) -> tarfile.TarFile:
    """The archive, unpressed to a nameless file, where its members can be read in any order."""
    opener = next((opener for magic, opener in OPENERS.items() if begins(path, magic)), None)
    content: IO[bytes] = tempfile.TemporaryFile() if opener else open(path, "rb")  # noqa: SIM115
    try:
        if opener:
            with opener(path) as pressed:
                shutil.copyfileobj(pressed, content)
            content.seek(0)
        archive = tarfile.open(fileobj=content, mode="r:")  # noqa: SIM115
        weakref.finalize(archive, content.close)
        return archive
    except tarfile.ReadError:
        raise UsageError(f"{path} is neither a folder nor a zip or tar archive; "
                         "unpack it and name the folder") from None


class Source(NamedTuple):
    """The files that a data set is made of."""

    path: Path  # the folder or archive, as found
    files: Mapping[str, Path]  # name -> every file that decides the set
    known_digest: str | None = None  # of their content, where it is known already

    def stamp(self) -> str:
        """A digest of names, sizes and times of change; equal stamps mean equal content."""
        seen = hashlib.sha256()
        for name, file in sorted(self.files.items()):
            is_now = file.stat()
            seen.update(os.fsencode(f"{name}\0{is_now.st_size} {is_now.st_mtime_ns} "
                                    f"{is_now.st_ctime_ns}\n"))
        return seen.hexdigest()

    def digest(self) -> str:
        """A digest of names and content."""
        if self.known_digest:
            return self.known_digest
        seen = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            with open(path, "rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            seen.update(os.fsencode(f"{name}\0{content}\n"))
        return seen.hexdigest()

    def note(self) -> dict[str, object]:
        """What is stored beside the packed set; the stamp is taken before the content is read."""
        stamp = self.stamp()
        return {"path": str(self.path), "files": len(self.files), "stamp": stamp,
                "bytes": sum(file.stat().st_size for file in self.files.values()),
                "digest": self.digest()}
