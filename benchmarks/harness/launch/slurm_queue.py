"""What SLURM itself says: which jobs are queued or running, and the site's limit on arrays.

`squeue`, `scancel` and `scontrol` alone: many sites have no accounting, hence no `sacct`.
"""

from collections.abc import Iterable
import getpass
import re
import subprocess
from typing import NamedTuple

SECONDS = 30  # that a controller may take to answer
DEFAULT_MAX_ARRAY_SIZE = 1001  # SLURM's own, slurm.conf(5)


class QueueError(Exception):
    """SLURM did not answer, in one line."""


class Queued(NamedTuple):
    """A job that is pending or running."""

    job: str  # such as 12 or 12_3
    state: str  # in SLURM's words, such as PENDING
    reason: str


def ask(*words: str) -> str:
    """What a SLURM command prints; raises QueueError if it fails, is missing or does not answer."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    except FileNotFoundError:
        raise QueueError(f"there is no {words[0]} here") from None
    except subprocess.TimeoutExpired:
        raise QueueError(f"{words[0]} did not answer within {SECONDS} s") from None
    if done.returncode:
        raise QueueError(" ".join(done.stderr.split()) or f"{words[0]} failed")
    return done.stdout


def look_up() -> dict[tuple[str, int], Queued]:
    """The user's jobs by name and index in their array (0 outside of one).

    Raises QueueError.
    """
    found = {}
    lines = ask("squeue", "--noheader", "--array", f"--user={getpass.getuser()}",
                "--format=%j|%K|%i|%T|%r")
    for line in lines.splitlines():
        name, index, job, state, reason = line.rsplit("|", 4)
        found[name, int(index) if index.isdecimal() else 0] = Queued(job, state, reason)
    return found


def cancel(jobs: Iterable[str]) -> None:
    """Cancels the jobs; those that are over already do not matter. Raises QueueError."""
    ask("scancel", "--quiet", *jobs)


def cancel_named(name: str) -> None:
    """Cancels what was submitted under that name. Raises QueueError."""
    ask("scancel", "--quiet", f"--user={getpass.getuser()}", f"--name={name}")


def max_array_size() -> int:
    """How many tasks an array may have here. Raises QueueError."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", ask("scontrol", "show", "config"), re.M)
    return int(found[1]) if found else DEFAULT_MAX_ARRAY_SIZE
