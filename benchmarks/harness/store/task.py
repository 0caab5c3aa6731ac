"""Tasks for a launcher: a run to train, with its curves and measures."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmarks.harness.spec.artefact import Curve, Measure
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.spec.selection import PlannedRun
from benchmarks.harness.store.run_folder import RunFolder, Store

# trained, and to be trained again: the state, and what is not there
LACKING = {"lacks-curve": "a curve", "lacks-weights": "the weights for a measure"}
STATES = (*SETTLED, "failed", "running", "queued", "lost", "unmeasured", *LACKING, "missing")
TO_TRAIN = ("missing", "lost", *LACKING)  # and, with --retry-failed, "failed"
UNSETTLED = ("running", "unmeasured", *TO_TRAIN)


@dataclass(frozen=True)
class Task:
    """A run with the curves and measures that artefacts ask of it."""

    folder: RunFolder
    curves: tuple[Curve, ...] = ()
    measures: tuple[Measure, ...] = ()
    recorded: tuple[Curve, ...] = ()  # in training: `curves`, and others of equal runs

    def lacking(self) -> list[Measure]:
        """The measures without a stored outcome."""
        return [measure for measure in self.measures if self.folder.measurement(measure) is None]

    def is_trained(self) -> bool:
        """Whether the run has an outcome with every curve that the task asks for."""
        return self.folder.is_finished() and self._covers(self.folder.result())

    def _covers(self, result: Mapping[str, Any]) -> bool:
        return all(curve.id in result["curves"] for curve in self.curves)

    def outcome(self) -> str:
        """The state as seen by the process that holds the run's lease."""
        if not self.folder.is_finished():
            return self.folder.state()
        result = self.folder.result()  # read once: a sweep reads a thousand runs, several times
        if not self._covers(result):
            return "lacks-curve"
        state = str(result["status"])
        if state != "done" or not self.lacking():
            return state
        here = all(path.exists() for path in self.folder.weights_named(result))
        return "unmeasured" if here else "lacks-weights"

    def state(self) -> str:
        """One of STATES.

        "unmeasured": trained, but a measure is missing. Those LACKING more: trained, but a curve is
        missing, or a measure and the weights to take it of; the run is trained again, and its
        outcome counts until then."""
        state = self.outcome()
        if state not in ("unmeasured", *LACKING):
            return state
        if self.folder.has_failed():
            return "failed"
        return "running" if self.folder.is_being_trained() else state


def tasks(entries: Iterable[PlannedRun], store: Store) -> dict[str, Task]:
    """One task per distinct run, by key, in order, with all curves and measures of its entries."""
    found: dict[str, Task] = {}
    for entry in entries:
        before = found.get(entry.run.key) or Task(store.folder(entry.run.key))
        found[entry.run.key] = Task(
            before.folder, _union(before.curves, entry.curves),
            _union(before.measures, entry.measures), _union(before.recorded, entry.recorded))
    return found


def to_do(found: Mapping[str, Task], options: Namespace) -> set[str]:
    """Keys of the tasks that the command will train or measure."""
    states = {*UNSETTLED, "failed"} if options.retry_failed else set(UNSETTLED)
    return {key for key, task in found.items() if options.rerun or task.state() in states}


def work_of(todo: Iterable[Task]) -> str:
    """The numbers of tasks to train and of tasks to measure only, in words."""
    counts = Counter("measuring" if task.state() == "unmeasured" else "training" for task in todo)
    return " and ".join(f"{what} {counts[what]}" for what in ("training", "measuring")
                        if counts[what])


def why_again(states: Iterable[str]) -> list[str]:
    """A line for each reason why some of the runs are trained again."""
    counts = Counter(states)
    return [f"  of these trained already, but without {what} that is wanted now: {counts[state]}"
            for state, what in LACKING.items() if counts[state]]


T = TypeVar("T")


def _union(first: tuple[T, ...], second: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*first, *second)))
