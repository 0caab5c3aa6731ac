"""How launchers tell of progress, and how they wait for runs that another process trains."""

from collections.abc import Iterator
from typing import Protocol

from benchmarks.harness.store.run_folder import RunFolder
from benchmarks.harness.store.task import UNSETTLED, Task

POLL_SECONDS = 0.3


class Watch(Protocol):
    """Who is told about the runs' progress."""

    def started(self, folder: RunFolder) -> None:
        """Training began."""

    def moved(self, folder: RunFolder, fraction: float) -> None:
        """A fraction of the training is done."""

    def described(self, text: str) -> None:
        """What the sweep is at, in a few words."""

    def finished(self, folder: RunFolder, state: str) -> None:
        """The run has an outcome, or failed."""


def settled(waiting: list[Task], watch: Watch) -> Iterator[Task]:
    """Takes tasks that no other process works on out of `waiting`; yields those still to do."""
    for task in list(waiting):
        state = task.state()
        if state == "running":
            continue
        waiting.remove(task)
        if state in UNSETTLED:
            yield task
        else:
            watch.finished(task.folder, state)
