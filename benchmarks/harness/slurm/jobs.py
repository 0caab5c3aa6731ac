"""The jobs of a cache's runs, and the states of the runs that follow from them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
import time
from typing import NamedTuple

from benchmarks.harness.slurm import queue
from benchmarks.harness.slurm.queue import Queued, QueueError, Site
from benchmarks.harness.slurm.submissions import VISIBLE_SECONDS, Submission, read_all
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store import lease
from benchmarks.harness.store.files import discard
from benchmarks.harness.store.run_folder import RunFolder, Store
from benchmarks.harness.store.task import STATES, TO_TRAIN, UNSETTLED, Task, tasks


class JobOfRun(NamedTuple):
    """The job that a run was submitted in."""

    submission: Submission
    number: int  # in the array
    queued: Queued | None  # None: no such job is in the queue

    @property
    def id(self) -> str:
        """SLURM's id of the job."""
        return self.submission.job(self.number)

    @property
    def runs(self) -> tuple[str, ...]:
        """The keys of all runs in the job."""
        return self.submission.keys[self.number]

    @property
    def log(self) -> Path:
        """What the job prints."""
        return self.submission.folder / f"{self.id}_0_log.out"


class Jobs:
    """The jobs of a cache's runs, as the queue has them at one moment."""

    def __init__(self, cache: Path, absences: dict[Path, float] | None = None) -> None:
        """`absences`: since when a command that looks repeatedly has missed jobs, by their logs."""
        self.root, self.user, self.absences = cache / "slurm", queue.user(), absences
        self.places: dict[str, JobOfRun] = {}
        self.queue_error: str | None = None  # why the queue is not known
        self.queue: Mapping[str, Queued] = {}
        self.over: Mapping[str, Queued] = {}  # those that SLURM still remembers
        self.hides = False  # whether other users' jobs are not shown
        recorded = read_all(self.root)
        if recorded:
            try:
                self._ask({submission.user for submission in recorded} - {self.user})
            except QueueError as error:
                self.queue_error = str(error)
        self.submissions = [self._identified(submission) for submission in recorded]
        self.adopted = [now for before, now in zip(recorded, self.submissions, strict=True)
                        if before is not now]  # whose id is not on record yet
        self.jobs = [JobOfRun(submission, number, self.queue.get(submission.job(number)))
                     for submission in self.submissions for number in range(len(submission.keys))]
        self.by_id = {place.id: place for place in self.jobs if place.submission.array}
        for place in self.jobs:
            for key in place.runs:
                if place.queued or key not in self.places or not self.places[key].queued:
                    self.places[key] = place

    def _ask(self, others: set[str]) -> None:
        rows = queue.look_up(others)
        self.queue = {job: row for job, row in rows.items() if not row.is_over}
        self.over = {job: row for job, row in rows.items() if row.is_over}
        self.hides = bool(others) and self.site.hides_jobs

    @cached_property
    def site(self) -> Site:
        """The site's settings. Raises QueueError."""
        return queue.site()

    def _identified(self, submission: Submission) -> Submission:
        """With the id of its jobs, found by name if the submitting command could not note it."""
        if submission.array:
            return submission
        found = [row for row in (*self.queue.values(), *self.over.values())
                 if submission.name in row.names]
        return replace(submission, array=found[0].job.split("_")[0]) if found else submission

    def state(self, task: Task) -> str:
        """The task's state, or "queued" if a job for it is waiting or has not reached it yet.

        A submitted run whose job has left the queue is "lost", though it may still have a claim;
        but not within VISIBLE_SECONDS, nor while the queue does not answer, or hides the job."""
        state = task.state()
        if state == "running" and (holder := self._holder(task)) and self._is_gone(holder, task):
            state = "lost"
        place = self.places.get(task.folder.key)
        if place is None or state not in (*TO_TRAIN, "unmeasured"):
            return state
        if not self._is_gone(place, task):
            return "queued"
        return "lost" if state == "missing" else state

    def _holder(self, task: Task) -> JobOfRun | None:
        """The job that holds the run's claim, if it was submitted from this cache."""
        owner = task.folder.owner()
        return self.by_id.get(owner.job.split(".")[0]) if owner and owner.job else None

    def _is_gone(self, place: JobOfRun, task: Task) -> bool:
        """Whether the job has left the queue for so long that its results would be seen here."""
        if place.queued or self.queue_error or self.is_hidden(place):
            return False
        if self.absences is not None:
            since = self.absences.setdefault(place.log, time.monotonic())
            if time.monotonic() - since < VISIBLE_SECONDS:
                return False
        record = place.submission.folder / "submission.json"
        return lease.silence(record) >= VISIBLE_SECONDS <= self._left_for(place, task)

    def _left_for(self, place: JobOfRun, task: Task) -> float:
        """Seconds since the job left the queue, as far as that can be told; 0 if it cannot."""
        try:
            if row := self.over.get(place.id):
                return (self.site.now - datetime.fromisoformat(row.ended)).total_seconds()
            if self.site.memory >= VISIBLE_SECONDS:
                return self.site.memory  # or SLURM would remember it
        except (QueueError, ValueError):
            return 0.0
        folder = task.folder.path
        traces = (place.log, folder, folder / "log.txt", task.folder.claim())
        return min(lease.silence(path) for path in traces if path)

    def take_from_dead(self, task: Task) -> None:
        """Ends the claim of a job that has left the queue, if that still looks alive."""
        if task.state() == "running":
            lease.revoke(task.folder.path)

    def is_hidden(self, place: JobOfRun) -> bool:
        """Whether SLURM would not show the job, because it is another user's."""
        return self.hides and place.submission.user != self.user

    def queued_with(self, keys: set[str]) -> list[JobOfRun]:
        """Every job in the queue that contains any of the runs."""
        return [place for place in self.jobs if place.queued and keys & set(place.runs)]

    def queued(self, key: str) -> Queued | None:
        """The job of a run that is in the queue."""
        return self.places[key].queued if key in self.places else None

    def needs_submitting(self, task: Task) -> bool:
        """Whether the run is to be worked on, and nobody works on it, and no job waits for it."""
        state = self.state(task)
        return state in UNSETTLED and state != "running"

    def tidy(self, known: RunFolder) -> None:
        """Notes ids that were not on record; deletes records of runs that are all settled.

        `known`: any run of the store."""
        for submission in self.adopted:
            if submission.user == self.user:
                submission.write()
        if self.queue_error:
            return
        expected = {place.submission.name for place in self.jobs if place.queued}
        expected |= {place.submission.name for key, place in self.places.items()
                     if self.is_hidden(place) or (run := known.sibling(key)).has_failed()
                     or run.state() not in SETTLED}
        for submission in self.submissions:
            if submission.name not in expected:
                discard(submission.folder)


def counted(states: Iterable[str]) -> str:
    """Numbers by state, in words."""
    counts = Counter(states)
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])


def states_of(selection: Selection, store: Store, jobs: Jobs) -> dict[str, str]:
    """State by key of the selection's distinct runs."""
    asked = tasks(selection.entries(), store)
    return {key: jobs.state(task) for key, task in asked.items()}
