"""Which process claims a run: told apart from every other one, on this host or in this job."""

import os
from pathlib import Path
import socket
import subprocess
from typing import NamedTuple


class Owner(NamedTuple):
    """A process, told apart from a later one with the same number by its start time."""

    host: str
    pid: int
    started: str
    job: str | None  # SLURM's, with the number of times that it was started before


def start_time(pid: int) -> str | None:
    """When a process of this host began, in the kernel's own words; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)],
                                 capture_output=True, text=True, check=False)
        return listing.stdout.strip() or None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]  # field 22 of proc(5); a zombie runs no more


def this_process() -> Owner:
    """The owner that this process signs its claims with."""
    pid = os.getpid()
    return Owner(socket.gethostname(), pid, start_time(pid) or "", _attempt())


def job() -> str | None:
    """The SLURM job that this process belongs to, as scancel and scontrol know it."""
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def _attempt() -> str | None:
    """Which start of that job."""
    return f"{job()}.{os.environ.get('SLURM_RESTART_COUNT', 0)}" if job() else None


def is_earlier(attempt: str | None) -> bool:
    """Whether that was an earlier start of this process's own job: SLURM ended it by now."""
    mine = _attempt()
    if not attempt or not mine:
        return False
    (theirs, before), (own, now) = attempt.split("."), mine.split(".")
    return theirs == own and int(before) < int(now)
