"""Leases: an exclusive, expiring claim of a process on a run's folder.

Claims are numbered files and the highest one counts. A dead claim is not removed but superseded by
an exclusive link to the next number: of two rivals that both see it dead, only one succeeds."""

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
import json
import math
import os
from pathlib import Path
import socket
import subprocess
from tempfile import TemporaryFile
from threading import Event, Thread
import time
from typing import NamedTuple
import uuid


class ProcessIdentity(NamedTuple):
    """A process; its start time distinguishes it from a later one with the same pid."""

    host: str
    pid: int
    started: str
    job: str | None  # JOB.RESTARTS of SLURM
    processes: str = ""  # which hosts, and containers, of one name do not share: see `processes`

    @property
    def is_here(self) -> bool:
        """Whether this process can see it, if it runs."""
        return self.host == socket.gethostname() and self.processes in ("", processes())


@cache
def processes() -> str:
    """Identifies the processes that this one can see: the boot and the PID namespace.

    Empty on systems other than Linux."""
    try:
        if os.readlink("/proc/self") != str(os.getpid()):  # it shows another namespace
            return uuid.uuid4().hex
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def start_time(pid: int) -> str | None:
    """Start time of a process of this host, in the kernel's units; None if it is not running."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True,
                                 encoding="utf-8", errors="replace", check=False)
        return listing.stdout.strip() or None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]  # field 22 of proc(5); a zombie no longer runs


def this_process() -> ProcessIdentity:
    """The identity with which this process signs its claims."""
    pid = os.getpid()
    return ProcessIdentity(socket.gethostname(), pid, start_time(pid) or "", _attempt(),
                           processes())


def job() -> str | None:
    """The SLURM job that this process belongs to, as scancel and scontrol know it."""
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def _attempt() -> str | None:
    """The SLURM job and its number of restarts, as JOB.RESTARTS; None outside SLURM."""
    return f"{job()}.{os.environ.get('SLURM_RESTART_COUNT', 0)}" if job() else None


def is_earlier(attempt: str | None) -> bool:
    """Whether `attempt` is an earlier start of this process's job, which SLURM has since ended."""
    mine = _attempt()
    if not attempt or not mine:
        return False
    (theirs, before), (own, now) = attempt.split("."), mine.split(".")
    return theirs == own and int(before) < int(now)


HEARTBEAT_SECONDS = 30.0
MISSED_HEARTBEATS = 2
WRITING_SECONDS = 0.2


def latest(folder: Path, names: Iterable[str] | None = None) -> tuple[int, Path | None]:
    """Number and path of the claim in force; (-1, None) without any claim.

    `names`: those in the folder, if they are known."""
    claims = [(int(name[6:]), folder / name) for name in names or files_in(folder)
              if name.startswith("claim.") and name[6:].isdecimal()]
    return max(claims) if claims else (-1, None)


def files_in(folder: Path) -> list[str]:
    """The names in a folder, none if it is not there; NFS reads anew what is listed."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def superseded(folder: Path) -> list[Path]:
    """The claims that a higher one supersedes."""
    claim = latest(folder)[1]
    return [path for path in folder.glob("claim.*") if path != claim]


def remove_dead(folder: Path) -> None:
    """Deletes the claims of dead processes in a folder with no work left.

    A process that claims the folder meanwhile may share it: see `Lease.check_held`."""
    for claim in folder.glob("claim.*"):
        if not is_alive(claim):
            claim.unlink(missing_ok=True)


def owner_of(claim: Path) -> ProcessIdentity | None:
    """Who wrote the claim; None if it is gone, or not a lease's file."""
    try:
        text = claim.read_text(encoding="utf-8")
        if not text:  # without hard links, it appears before its content
            time.sleep(WRITING_SECONDS)
            text = claim.read_text(encoding="utf-8")
        return ProcessIdentity(**json.loads(text))
    except PermissionError:  # another user's, who lets nobody read it
        return ProcessIdentity("", 0, "", None)
    except (FileNotFoundError, ValueError, TypeError):
        return None


def is_alive(claim: Path) -> bool:
    """Whether the claim's owner still runs or, where that is not seen, still sends heartbeats."""
    owner = owner_of(claim)
    if owner is None:
        return False
    if owner.is_here and (runs := _runs(owner)) is not None:
        return runs
    return silence(claim) < HEARTBEAT_SECONDS * MISSED_HEARTBEATS and not is_earlier(owner.job)


def _runs(owner: ProcessIdentity) -> bool | None:
    """Whether a process of this host runs; None if that is hidden, as another user's may be."""
    if (started := start_time(owner.pid)) is None:
        try:
            os.kill(owner.pid, 0)
        except PermissionError:
            return None
        except (ProcessLookupError, OverflowError):
            return False
    return started == owner.started


def silence(claim: Path) -> float:
    """Seconds since the last heartbeat, by the file system's clock; infinite without a claim."""
    try:
        return now() - claim.stat().st_mtime
    except FileNotFoundError:
        return math.inf


_ahead = 0.0  # of this host's clock, the file system's; in seconds


def now() -> float:
    """The time by the file system's clock, as far as `read_clock` has been called."""
    return time.time() + _ahead


def read_clock(folder: Path) -> None:
    """Compares this host's clock with that of the folder's file system, by a file without a name.

    Where nothing can be written, they count as equal. What only looks must not call it."""
    global _ahead
    with suppress(OSError):
        before = time.time()
        with TemporaryFile(dir=folder, buffering=0) as probe:
            _ahead = os.fstat(probe.fileno()).st_mtime - before


class LeaseLostError(Exception):
    """Another process has taken over the run."""


class Lease:
    """A claim held by this process; heartbeats flow until `release`."""

    def __init__(self, path: Path, number: int) -> None:
        self.path, self.number, self._stop = path, number, Event()
        self._thread = Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            with suppress(OSError):  # the next one may succeed
                os.utime(self.path)

    def release(self) -> None:
        """Ends the heartbeats and frees the run."""
        self._stop.set()
        self._thread.join()
        self.path.unlink(missing_ok=True)

    @property
    def is_current(self) -> bool:
        """Whether no other process has taken over the run."""
        return latest(self.path.parent)[0] == self.number

    def check_held(self) -> None:
        """Raises LeaseLostError unless the claim is current; called before every write."""
        if not self.is_current:
            raise LeaseLostError


def acquire(folder: Path) -> Lease | None:
    """Claims a run's folder; returns None if a living process holds it."""
    number, claim = latest(folder)
    if claim is not None:
        read_clock(folder)
        if is_alive(claim):
            return None
    path = folder / f"claim.{number + 1}"
    return Lease(path, number + 1) if _create(path, json.dumps(this_process()._asdict())) else None


def revoke(folder: Path) -> None:
    """Supersedes the claim in force by a dead one: its owner is known not to run any more."""
    _create(folder / f"claim.{latest(folder)[0] + 1}", "revoked")


def _create(path: Path, text: str) -> bool:
    """Creates a file unless it exists; returns whether it did. Of several rivals, one succeeds."""
    temporary = path.with_name(f".claim.{uuid.uuid4().hex}")
    try:
        _write(temporary, text, "w")
        try:
            os.link(temporary, path)  # fails if it exists, and its content is complete
            return True
        except FileExistsError:  # NFS also says so if the answer to a first call was lost
            return temporary.stat().st_nlink > 1
        except OSError:  # a file system without hard links
            return _write(path, text, "x")
    finally:
        temporary.unlink(missing_ok=True)


def _write(path: Path, text: str, mode: str) -> bool:
    try:
        with open(path, mode, encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return True
    except FileExistsError:
        return False
