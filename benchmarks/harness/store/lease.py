"""Leases: an exclusive, expiring claim of a process on a run's folder.

Claims are numbered files and the highest one counts. A dead claim is not removed but superseded by
an exclusive link to the next number: of two rivals that both see it dead, only one succeeds."""

import json
import os
from pathlib import Path
import socket
import subprocess
from threading import Event, Thread
from typing import NamedTuple
import uuid


class ProcessIdentity(NamedTuple):
    """A process; its start time distinguishes it from a later one with the same pid."""

    host: str
    pid: int
    started: str
    job: str | None  # JOB.RESTARTS of SLURM


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
    return ProcessIdentity(socket.gethostname(), pid, start_time(pid) or "", _attempt())


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


def latest(folder: Path) -> tuple[int, Path | None]:
    """Number and path of the claim in force; (-1, None) without any claim."""
    claims = [(int(path.suffix[1:]), path) for path in folder.glob("claim.*")
              if path.suffix[1:].isdecimal()]
    return max(claims) if claims else (-1, None)


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


def is_alive(claim: Path) -> bool:
    """Whether the claim's owner still runs or, on another host, still sends heartbeats."""
    try:
        owner = ProcessIdentity(**json.loads(claim.read_text(encoding="utf-8")))
        if owner.host == socket.gethostname():
            return start_time(owner.pid) == owner.started
        return _age(claim) < HEARTBEAT_SECONDS * MISSED_HEARTBEATS and not is_earlier(owner.job)
    except (FileNotFoundError, ValueError, TypeError):  # gone, or not a lease's file
        return False


def _age(claim: Path) -> float:
    """Seconds since the last heartbeat, by the file system's clock: hosts' clocks differ."""
    probe = claim.with_name(f".now.{uuid.uuid4().hex}")
    probe.touch()
    try:
        return probe.stat().st_mtime - claim.stat().st_mtime
    finally:
        probe.unlink()


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
            if self.path.exists():
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
    if claim is not None and is_alive(claim):
        return None
    path = folder / f"claim.{number + 1}"
    temporary = folder / f".claim.{uuid.uuid4().hex}"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(this_process()._asdict(), file)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # fails if it exists: one winner, and its content is complete
    except FileExistsError:
        return None
    finally:
        temporary.unlink()
    return Lease(path, number + 1)
