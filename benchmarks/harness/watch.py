"""How launchers tell of progress, and how they wait for runs that another process trains."""

from collections.abc import Iterator
from typing import Protocol

from benchmarks.harness.store import RunFolder

POLL_SECONDS = 0.3


class Watch(Protocol):
    """Who is told about the runs' progress."""

    def started(self, folder: RunFolder) -> None:
        """Training began."""

    def moved(self, folder: RunFolder, fraction: float) -> None:
        """A fraction of the training is done."""

    def finished(self, folder: RunFolder, state: str) -> None:
        """The run has an outcome, or failed."""


def settled(waiting: list[RunFolder], watch: Watch) -> Iterator[RunFolder]:
    """Takes runs that no other process trains any more out of `waiting`; yields those to redo."""
    for folder in list(waiting):
        state = folder.state()
        if state == "running":
            continue
        waiting.remove(folder)
        if state in ("lost", "missing"):
            yield folder
        else:
            watch.finished(folder, state)
