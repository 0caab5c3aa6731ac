"""Runs outside the store: found in other caches and in archives, and packed into one.

Nothing is unpacked under a name that an archive chooses: its members are read one by one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
import io
import lzma
from pathlib import Path
import re
import shutil
import stat
from string import ascii_lowercase
import tarfile
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from benchmarks.harness.errors import UsageError
from benchmarks.harness.store.files import replacing

Files = Mapping[str, Callable[[], bytes]]  # of a run: the names in its folder, and their bytes

KEY = re.compile(r"[0-9a-f]{16}")
WEIGHTS = re.compile(r"model(\.epoch\d+)?\.safetensors")
OUTCOME = re.compile(r"(spec|result|provenance)\.json|method\.py|log\.txt"
                     rf"|measures/\w[\w@=,.-]*\.(json|csv|png)|{WEIGHTS.pattern}")
PASSING = re.compile(r"error\.json|claim\.\d+|checkpoint[.a-z]*\.pt")  # means nothing elsewhere
FILE, FOLDER, OTHER = "file", "folder", "link or device"
TOPS = (".", "runs", "./runs")
XZ, END = b"\xfd7zXZ\0", bytes(2 * tarfile.BLOCKSIZE)  # of a file, its beginning; and its end
BLOCK = 2**20
# an archive that unpacks to more holds no honest runs: it would fill the disk
ROOM, ROOM_PER_BYTE, LARGEST_TEXT = 2**30, 100, 2**26
# what the libraries raise for damage, the last four for fields that cannot be
DAMAGED = (tarfile.TarError, lzma.LZMAError, EOFError,
           ValueError, OverflowError, IndexError, RecursionError)


class Entry(NamedTuple):
    """What is below a folder of runs."""

    name: str  # KEY or KEY/...
    kind: str
    size: int
    read: Callable[[], bytes]


@contextmanager
def runs_in(source: Path, scratch: Path) -> Iterator[Mapping[str, Files]]:
    """The files of each run, by key, in a cache, in its folder of runs, or in an archive.

    `scratch`: a folder with room to unpack. Raises UsageError where there are no runs, and for an
    archive that is incomplete or holds anything else."""
    if not source.exists():
        raise UsageError(f"--from: there is no file or folder {source}")
    top = source / "runs" if (source / "runs").is_dir() else source
    if top.is_dir() and (folders := sorted(path for path in top.iterdir()
                                           if KEY.fullmatch(path.name))):
        yield _by_run(source, (entry for folder in folders for entry in _entries(folder)))
        return
    with TemporaryFile(dir=scratch) as packed, TemporaryFile(dir=scratch) as plain:
        for part in parts(source):
            with open(part, "rb") as file:
                shutil.copyfileobj(file, packed)
        try:
            _unpack(source, packed, plain)
            entries = _members(source, plain)
        except DAMAGED:
            raise _fault(source, "is damaged, cut off, or no archive of runs") from None
        if not (found := _by_run(source, entries)):
            raise UsageError(f"--from: {source} holds no runs")
        yield found


def files_of(folder: Path) -> Files:
    """The files of a run's folder; raises UsageError if one of them is foreign to a run."""
    return _by_run(folder, _entries(folder)).get(folder.name, {})


def _entries(folder: Path) -> Iterator[Entry]:
    """The run's folder and all that is in it."""
    for path in (folder, *sorted(folder.glob("**/*"))):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue  # a claim, say, of a process that has just ended
        kind = (FILE if stat.S_ISREG(status.st_mode) else
                FOLDER if stat.S_ISDIR(status.st_mode) else OTHER)
        yield Entry(path.relative_to(folder.parent).as_posix(), kind, status.st_size,
                    path.read_bytes)


def _by_run(source: Path, entries: Iterable[Entry]) -> Mapping[str, Files]:
    """The files by run; raises UsageError for an entry that is no part of a run."""
    runs: dict[str, dict[str, Callable[[], bytes]]] = {}
    for entry in entries:
        key, _, name = entry.name.partition("/")
        run = runs.setdefault(key, {}) if KEY.fullmatch(key) else {}
        if PASSING.fullmatch(name) or any(part.startswith(".") for part in entry.name.split("/")):
            continue  # the latter: of processes that were killed
        known = name in ("", "measures") if entry.kind == FOLDER else OUTCOME.fullmatch(name)
        if entry.kind == OTHER:
            raise _fault(source, f"holds {entry.name!r}, a link or device")
        if not known or not KEY.fullmatch(key):
            raise _fault(source, f"holds {entry.name!r}, which is no part of a run")
        if name in run:
            raise _fault(source, f"holds {entry.name!r} twice")
        if entry.kind == FILE and entry.size > LARGEST_TEXT and not WEIGHTS.fullmatch(name):
            raise _fault(source, f"holds {entry.name!r} of {entry.size} bytes: too large for it")
        if entry.kind == FILE:
            run[name] = entry.read
    return runs


def _fault(source: Path, reason: str) -> UsageError:
    return UsageError(f"{source} {reason}")


def parts(source: Path) -> list[Path]:
    """The archive's files in order: itself, or NAME.aa, NAME.ab ... as `split` cuts it.

    `source`: the archive, one of its parts, or the folder that holds them. Raises UsageError if a
    part is missing, or if the folder does not hold one archive."""
    if source.is_dir():
        firsts = sorted({*source.glob("*.tar.xz"), *source.glob("*.aa")})
        if len(firsts) != 1:
            found = f"several archives; name one, such as {firsts[0]}" if firsts else (
                "no runs; name a cache, its folder runs, or an archive")
            raise UsageError(f"--from: {source} holds {found}")
        (source,) = firsts
    if not re.fullmatch(r"\.[a-z]{2}", source.suffix) or not source.with_suffix(".aa").exists():
        return [source]
    names = [source.with_suffix(f".{first}{second}") for first in ascii_lowercase
             for second in ascii_lowercase]
    there = [path for path in names if path.exists()]
    if missing := [path for path in names[:len(there)] if path not in there]:
        raise UsageError(f"--from: there is no {missing[0]}; the parts of an archive lie together")
    return there


def _unpack(source: Path, packed: IO[bytes], plain: IO[bytes]) -> None:
    """Writes the tar file within `packed`; raises one of DAMAGED, or UsageError for a flood."""
    room = max(ROOM, ROOM_PER_BYTE * packed.tell())
    packed.seek(0)
    is_xz = packed.read(len(XZ)) == XZ
    packed.seek(0)
    with lzma.open(packed, "rb") if is_xz else nullcontext(packed) as stream:
        while block := stream.read(BLOCK):
            if plain.tell() + len(block) > room:
                raise _fault(source, f"unpacks to more than {room} bytes: too many for runs")
            plain.write(block)
    plain.seek(0)


def _members(source: Path, plain: IO[bytes]) -> list[Entry]:
    """What the tar file has below `runs`; raises one of DAMAGED, or UsageError if it has more."""
    with tarfile.open(fileobj=plain, mode="r:") as tar:
        found = [_entry(source, member, plain) for member in tar if member.name not in TOPS]
        plain.seek(tar.offset)
        if plain.read(len(END)) != END or plain.read().strip(b"\0"):
            raise tarfile.ReadError  # which tarfile took for the end
        return found


def _entry(source: Path, member: tarfile.TarInfo, plain: IO[bytes]) -> Entry:
    name = member.name.removeprefix("./")
    if name.startswith("/") or ".." in name.split("/"):
        raise _fault(source, f"holds {member.name!r}, which points outside")
    if not name.startswith("runs/") or member.size < 0:
        raise _fault(source, f"holds {member.name!r}, which is no part of a run")
    kind = (FOLDER if member.isdir() else
            FILE if member.isreg() and not member.issparse() else OTHER)

    def read() -> bytes:
        plain.seek(member.offset_data)
        return plain.read(member.size)

    return Entry(name.removeprefix("runs/"), kind, member.size, read)


def pack(runs: Mapping[str, Files], target: Path) -> None:
    """Writes the files of the runs to a .tar.xz, whole or not at all; same files, same bytes."""
    with (replacing(target) as file, lzma.open(file, "wb") as packed,
          tarfile.open(fileobj=packed, mode="w") as tar):
        for key, files in sorted(runs.items()):
            for name, read in sorted(files.items()):
                data = read()
                member = tarfile.TarInfo(f"runs/{key}/{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
