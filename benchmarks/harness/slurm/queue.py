"""Questions and orders to SLURM.

By `squeue`, `scancel` and `scontrol` alone: many sites have no accounting, hence no `sacct`."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
import os
import pwd
import re
import subprocess
from typing import NamedTuple

from benchmarks.harness.errors import UsageError

ANSWER_SECONDS = 30  # that a controller may take to answer
DEFAULT_MAX_ARRAY_SIZE, DEFAULT_MIN_JOB_AGE = 1001, 300.0  # SLURM's own, slurm.conf(5)
# variables that are options of SLURM's commands, or describe a surrounding job
SETTINGS = ("SBATCH_", "SQUEUE_", "SCANCEL_", "SLURM_", "SRUN_", "SALLOC_", "SUBMITIT_")
KEPT = re.compile(r"SLURM_(CONF|JWT|SACK)(_|$)")  # the way to the controller, and tokens


class RefusedError(UsageError):
    """SLURM does not take a job, now or later."""


class QueueError(Exception):
    """SLURM did not answer; the message is one line."""


def _is_setting(name: str) -> bool:
    return name.startswith(SETTINGS) and not KEPT.match(name)


def environment() -> dict[str, str]:
    """The environment of SLURM's commands: settings are the suite's and `--slurm`'s to make."""
    return {name: value for name, value in os.environ.items() if not _is_setting(name)}


def ignored(own: Collection[str]) -> list[str]:
    """Variables that would choose where jobs run, and of which `--slurm` says nothing."""
    return [name for name in ("SBATCH_ACCOUNT", "SBATCH_PARTITION", "SBATCH_QOS",
                              "SBATCH_RESERVATION", "SBATCH_CLUSTERS", "SLURM_CLUSTERS")
            if name in os.environ and name.partition("_")[2].lower() not in own]


@contextmanager
def clean_environment() -> Iterator[None]:
    """Makes this process's environment that of SLURM's commands inside."""
    settings = {name: os.environ.pop(name) for name in list(os.environ) if _is_setting(name)}
    try:
        yield
    finally:
        os.environ.update(settings)


def ask(*words: str) -> str:
    """Output of a SLURM command; raises QueueError if it is missing, fails or does not answer."""
    try:
        done = subprocess.run(words, capture_output=True, encoding="utf-8", errors="replace",
                              timeout=ANSWER_SECONDS, check=False, env=environment())
    except FileNotFoundError:
        raise QueueError(f"there is no {words[0]} here") from None
    except OSError as error:
        raise QueueError(f"{words[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise QueueError(f"{words[0]} did not answer within {ANSWER_SECONDS} s") from None
    if done.returncode:
        raise QueueError(" ".join(done.stderr.split()) or f"{words[0]} failed")
    return done.stdout


def user() -> str:
    """The user's name as SLURM shows it; the number of one without a name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


class Queued(NamedTuple):
    """A job that is pending or running, or one that SLURM remembers."""

    job: str  # such as 12 or 12_3
    state: str  # in SLURM's words, such as PENDING
    reason: str
    user: str
    ended: str  # when it ended, in ISO format, by the controller's clock; or N/A
    names: str  # its own, the path of its script, and its comment

    @property
    def is_over(self) -> bool:
        """Whether it has left the queue; it is remembered for a while."""
        return self.state in OVER


OVER = ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
        "PREEMPTED", "REVOKED", "TIMEOUT")
FORMAT = "%i|%T|%r|%u|%e|%j|%o|%k"
ROW = re.compile(r"(\d+(?:_\d+)?)\|([A-Z_]+)\|([^|]*)\|([^|]*)\|([^|]*)\|(.*)")


def look_up(others: Collection[str] = ()) -> Mapping[str, Queued]:
    """The jobs of the user and of others by id; also those that are over, if remembered.

    Lines that are no rows, such as a site's notice, are left out. Raises QueueError."""
    whose = f"--user={','.join(sorted({user(), *others}))}" if others else "--me"
    lines = ask("squeue", "--noheader", "--array", "--states=all", whose,
                f"--format={FORMAT}").splitlines()
    rows = [Queued(*found.groups()) for found in map(ROW.fullmatch, lines) if found]
    return {row.job: row for row in rows}


def state_of(job: str) -> str:
    """A job's state in SLURM's words. Raises QueueError."""
    return ask("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T").strip()


def cancel(*which: str) -> None:
    """Cancels jobs by id or scancel's options; ended ones are not an error. Raises QueueError."""
    ask("scancel", "--quiet", *which)


class Site(NamedTuple):
    """What slurm.conf says, by the words of slurm.conf(5)."""

    array_size: int  # tasks in an array; 1 where there are no arrays
    hides_jobs: bool  # of other users
    memory: float  # seconds for which it remembers a job that is over
    now: datetime  # by the controller's clock


def site() -> Site:
    """The site's settings. Raises QueueError."""
    return read_site(ask("scontrol", "show", "config"))


def read_site(text: str) -> Site:
    """The settings that scontrol shows; SLURM's own where it shows none."""
    said = dict(re.findall(r"^(\w+)\s*= (.*?)\s*$", text, re.M))
    limits = [int(said.get("MaxArraySize", DEFAULT_MAX_ARRAY_SIZE)),
              *map(int, re.findall(r"\bmax_array_tasks=(\d+)", text))]
    memory = re.match(r"\d+", said.get("MinJobAge", ""))
    at = re.search(r"as of (\d+-\d+-\d+T[\d:]+)", text)
    return Site(max(1, min(limits)), "jobs" in said.get("PrivateData", "").split(","),
                float(memory[0]) if memory else DEFAULT_MIN_JOB_AGE,
                datetime.fromisoformat(at[1]) if at else datetime.now())
