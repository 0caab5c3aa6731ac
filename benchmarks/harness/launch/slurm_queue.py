"""SLURM's queue and our submissions to it.

By `squeue`, `scancel` and `scontrol` alone: many sites have no accounting, hence no `sacct`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
import getpass
import json
from pathlib import Path
import re
import subprocess
from typing import Any, NamedTuple

from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.files import discard, write_json
from benchmarks.harness.store.run_folder import RunFolder, Store
from benchmarks.harness.store.task import STATES, TO_TRAIN, Task, tasks

ANSWER_SECONDS = 30  # that a controller may take to answer
DEFAULT_MAX_ARRAY_SIZE = 1001  # SLURM's own, slurm.conf(5)


class QueueError(Exception):
    """SLURM did not answer; the message is one line."""


class Queued(NamedTuple):
    """A job that is pending or running."""

    job: str  # such as 12 or 12_3
    state: str  # in SLURM's words, such as PENDING
    reason: str


def ask(*words: str) -> str:
    """Output of a SLURM command; raises QueueError if it is missing, fails or does not answer."""
    try:
        done = subprocess.run(words, capture_output=True, encoding="utf-8", errors="replace",
                              timeout=ANSWER_SECONDS, check=False)
    except FileNotFoundError:
        raise QueueError(f"there is no {words[0]} here") from None
    except subprocess.TimeoutExpired:
        raise QueueError(f"{words[0]} did not answer within {ANSWER_SECONDS} s") from None
    if done.returncode:
        raise QueueError(" ".join(done.stderr.split()) or f"{words[0]} failed")
    return done.stdout


def look_up() -> dict[tuple[str, int], Queued]:
    """The user's jobs by name and index in their array (0 outside of one).

    Raises QueueError."""
    found = {}
    lines = ask("squeue", "--noheader", "--array", f"--user={getpass.getuser()}",
                "--format=%j|%K|%i|%T|%r")
    for line in lines.splitlines():
        name, index, job, state, reason = line.rsplit("|", 4)
        found[name, int(index) if index.isdecimal() else 0] = Queued(job, state, reason)
    return found


def cancel(*which: str) -> None:
    """Cancels jobs by id or scancel's options; ended ones are not an error. Raises QueueError."""
    ask("scancel", "--quiet", *which)


def max_array_size() -> int:
    """The site's largest number of tasks in an array. Raises QueueError."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", ask("scontrol", "show", "config"), re.M)
    return int(found[1]) if found else DEFAULT_MAX_ARRAY_SIZE


@dataclass(frozen=True)
class Submission:
    """An array of jobs; its name identifies it in SLURM's queue before an id is known."""

    folder: Path
    keys: tuple[tuple[str, ...], ...]  # of the runs, by index in the array
    time: float
    array: str | None = None  # SLURM's id

    @property
    def name(self) -> str:
        """Name of the jobs in SLURM."""
        return self.folder.name

    def write(self) -> None:
        """Stores the submission in its folder."""
        write_json(self.folder / "submission.json", {
            "keys": [list(keys) for keys in self.keys], "time": self.time, "array": self.array})

    def drop_jobs_with(self, keys: Iterable[str]) -> "Submission":
        """A copy without the jobs that contain any of these runs."""
        given_up = set(keys)
        return replace(self, keys=tuple(() if given_up & set(job) else job for job in self.keys))

    def drop_runs(self, keys: set[str]) -> "Submission":
        """A copy without these runs; their jobs keep the others."""
        return replace(self, keys=tuple(
            tuple(key for key in job if key not in keys) for job in self.keys))

    def job(self, index: int) -> str:
        """SLURM's id of one of the jobs."""
        return f"{self.array}_{index}" if len(self.keys) > 1 else str(self.array)


class JobOfRun(NamedTuple):
    """The job that a run was submitted in."""

    submission: Submission
    number: int  # in the array
    queued: Queued | None  # None: no such job is in the queue


def read_all(root: Path) -> list[Submission]:
    """Every submission that was made from the cache, in the order of time."""
    found = []
    for path in root.glob("[!.]*/submission.json"):
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found.append(Submission(path.parent, tuple(map(tuple, content["keys"])), content["time"],
                                content["array"]))
    return sorted(found, key=lambda submission: submission.time)


def forget(cache: Path, keys: set[str]) -> None:
    """Removes failed runs from earlier submissions."""
    for submission in read_all(cache / "slurm") if keys else ():
        if keys & {key for job in submission.keys for key in job}:
            submission.drop_runs(keys).write()


class Jobs:
    """The jobs of a cache's runs, as the queue has them at one moment."""

    def __init__(self, cache: Path) -> None:
        self.root = cache / "slurm"
        self.places: dict[str, JobOfRun] = {}
        self.queue_error: str | None = None  # why the queue is not known
        self.submissions = read_all(self.root)
        self.queue: Mapping[tuple[str, int], Queued] = {}
        if self.submissions:
            try:
                self.queue = look_up()
            except QueueError as error:
                self.queue_error = str(error)
        for submission in self.submissions:
            for index, keys in enumerate(submission.keys):
                place = JobOfRun(submission, index, self.queue.get((submission.name, index)))
                self.places |= dict.fromkeys(keys, place)

    def state(self, task: Task) -> str:
        """The task's state, or "queued" if a job for it is waiting or has not reached it yet.

        A submitted run without a job in the queue is "lost"; while the queue does not answer,
        no run counts as lost."""
        state = task.state()
        place = self.places.get(task.folder.key)
        if place is None or state not in (*TO_TRAIN, "unmeasured"):
            return state
        if place.queued or self.queue_error:
            return "queued"
        return "lost" if state == "missing" else state

    def queued(self, key: str) -> Queued | None:
        """The job of a run that is in the queue."""
        return self.places[key].queued if key in self.places else None

    def prune(self, store: Path) -> None:
        """Deletes the records of submissions whose runs are all settled."""
        if self.queue_error:
            return
        in_queue = {name for name, _ in self.queue}
        expected = {place.submission.name for key, place in self.places.items()
                    if (run := RunFolder(store / key)).has_failed() or run.state() not in SETTLED}
        for submission in self.submissions:
            if submission.name not in in_queue | expected:
                discard(submission.folder)


def counted(states: Iterable[str]) -> str:
    """Numbers by state, in words."""
    counts = Counter(states)
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])


def states_of(selection: Selection, store: Store, jobs: Jobs) -> dict[str, str]:
    """State by key of the selection's distinct runs."""
    asked = tasks(selection.entries(), store)
    return {key: jobs.state(task) for key, task in asked.items()}
