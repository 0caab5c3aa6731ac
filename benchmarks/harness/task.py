"""What a launcher is handed: a run to train, and what is to be measured of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from benchmarks.harness import evaluations
from benchmarks.harness.selection import Entry
from benchmarks.harness.spec import Measure
from benchmarks.harness.store import RunFolder, Store

STATES = ("done", "diverged", "failed", "running", "lost", "unmeasured", "missing")
SETTLED = ("done", "diverged")
UNSETTLED = ("running", "lost", "unmeasured", "missing")  # and there is "failed"


@dataclass(frozen=True)
class Task:
    """A run with the curve and the measures that are asked of it."""

    folder: RunFolder
    curve: str
    measures: tuple[Measure, ...] = ()

    def lacking(self) -> list[Measure]:
        """The measures that have no stored outcome yet."""
        return [measure for measure in self.measures
                if evaluations.find(self.folder.path, measure) is None]

    def outcome(self) -> str:
        """Like `state`, for who holds the run: nobody else is working on it."""
        state = self.folder.state()
        return "unmeasured" if state == "done" and self.lacking() else state

    def state(self) -> str:
        """One of STATES; "unmeasured" is a run that is trained but lacks a measure."""
        state = self.outcome()
        if state != "unmeasured":
            return state
        if self.folder.has_failed():
            return "failed"
        return "running" if self.folder.is_being_trained() else state


def tasks(entries: Iterable[Entry], curve: str, store: Store) -> dict[str, Task]:
    """One task per distinct run, by key, in order; it has every measure that any entry asks for."""
    found: dict[str, Task] = {}
    for entry in entries:
        task = found.get(entry.run.key) or Task(store.folder(entry.run.key), curve)
        measures = tuple(dict.fromkeys((*task.measures, *entry.measures)))
        found[entry.run.key] = replace(task, measures=measures)
    return found
