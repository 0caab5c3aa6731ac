"""The jobs of a cache's runs, and the states of the runs that follow from them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.slurm import queue
from benchmarks.harness.slurm.queue import Queued, QueueError
from benchmarks.harness.slurm.submissions import Submission, read_all
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.files import discard
from benchmarks.harness.store.run_folder import RunFolder, Store
from benchmarks.harness.store.task import STATES, TO_TRAIN, Task, tasks


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


class Jobs:
    """The jobs of a cache's runs, as the queue has them at one moment."""

    def __init__(self, cache: Path) -> None:
        self.root, self.user = cache / "slurm", queue.user()
        self.places: dict[str, JobOfRun] = {}
        self.queue_error: str | None = None  # why the queue is not known
        self.queue: Mapping[str, Queued] = {}
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
        for submission in self.submissions:
            for index, keys in enumerate(submission.keys):
                place = JobOfRun(submission, index, self.queue.get(submission.job(index)))
                for key in keys:
                    if place.queued or key not in self.places or not self.places[key].queued:
                        self.places[key] = place

    def _ask(self, others: set[str]) -> None:
        self.queue = queue.look_up(others)
        self.hides = bool(others) and queue.site().hides_jobs

    def _identified(self, submission: Submission) -> Submission:
        """With the id of its jobs, found by name if the submitting command could not note it."""
        if submission.array:
            return submission
        found = [row for row in self.queue.values() if submission.name in row.names]
        return replace(submission, array=found[0].job.split("_")[0]) if found else submission

    def state(self, task: Task) -> str:
        """The task's state, or "queued" if a job for it is waiting or has not reached it yet.

        A submitted run without a job in the queue is "lost"; while the queue does not answer, or
        does not show it, no run counts as lost."""
        state = task.state()
        place = self.places.get(task.folder.key)
        if place is None or state not in (*TO_TRAIN, "unmeasured"):
            return state
        if place.queued or self.queue_error or self.is_hidden(place):
            return "queued"
        return "lost" if state == "missing" else state

    def is_hidden(self, place: JobOfRun) -> bool:
        """Whether SLURM would not show the job, because it is another user's."""
        return self.hides and place.submission.user != self.user

    def queued_with(self, keys: set[str]) -> list[JobOfRun]:
        """Every job in the queue that contains any of the runs."""
        return [JobOfRun(submission, number, row) for submission in self.submissions
                for number, runs in enumerate(submission.keys)
                if keys & set(runs) and (row := self.queue.get(submission.job(number)))]

    def queued(self, key: str) -> Queued | None:
        """The job of a run that is in the queue."""
        return self.places[key].queued if key in self.places else None

    def tidy(self, store: Path) -> None:
        """Notes ids that were not on record; deletes records of runs that are all settled."""
        for submission in self.adopted:
            if submission.user == self.user:
                submission.write()
        if self.queue_error:
            return
        expected = {submission.name for submission in self.submissions
                    if any(submission.job(k) in self.queue for k in range(len(submission.keys)))}
        expected |= {place.submission.name for key, place in self.places.items()
                    if self.is_hidden(place)
                    or (run := RunFolder(store / key)).has_failed() or run.state() not in SETTLED}
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
