"""Progress of a sweep: a live bar on a terminal, plain lines in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.harness.store.run_folder import RunFolder
from benchmarks.harness.store.task import UNSETTLED, Task

if TYPE_CHECKING:
    import rich.progress

POLL_SECONDS = 0.3

OnFinished = Callable[[RunFolder, str], None]


class Progress:
    """Shows the progress of a sweep; `labels`: run key -> name. A context manager."""

    def __init__(self, labels: Mapping[str, str], on_finished: OnFinished) -> None:
        self.labels, self.on_finished = labels, on_finished
        self.done, self.began = 0, time.monotonic()
        self.fractions: dict[str, float] = {}
        self.bar = _bar() if sys.stderr.isatty() else None

    def __enter__(self) -> Progress:
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task("training", total=len(self.labels))
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar:
            self.bar.stop()

    def started(self, folder: RunFolder) -> None:
        """Notes that a run begins."""
        self.fractions[folder.key] = 0.0

    def moved(self, folder: RunFolder, fraction: float) -> None:
        """Notes the fraction of a run's steps that are done."""
        self.fractions[folder.key] = fraction
        if self.bar:
            self.bar.update(self.task, completed=self.done + sum(self.fractions.values()))

    def described(self, text: str) -> None:
        """Shows a text beside the bar."""
        if self.bar:
            self.bar.update(self.task, description=text)

    def finished(self, folder: RunFolder, state: str) -> None:
        """Counts the run, prints its line, passes it on."""
        self.fractions.pop(folder.key, None)
        self.done += 1
        elapsed = time.monotonic() - self.began
        label = self.labels[folder.key]
        line = f"[{self.done}/{len(self.labels)}] {elapsed:6.1f} s  {label}: {state}"
        if state == "failed":
            line += f" ({folder.error()}; log: {folder.path / 'log.txt'})"
        if self.bar:
            self.bar.update(self.task, completed=self.done + sum(self.fractions.values()))
        if self.bar is None or state != "done":
            print(line, flush=True)
        self.on_finished(folder, state)


def _bar() -> rich.progress.Progress:
    from rich import progress as columns
    from rich.console import Console
    return columns.Progress(
        columns.TextColumn("{task.description}"), columns.BarColumn(),
        columns.TextColumn("{task.completed:.1f} of {task.total} runs"),
        columns.TimeElapsedColumn(), columns.TextColumn("left:"), columns.TimeRemainingColumn(),
        console=Console(stderr=True))


def settled(waiting: list[Task], progress: Progress) -> Iterator[Task]:
    """Takes tasks that no other process works on out of `waiting`; yields those still to do."""
    for task in list(waiting):
        state = task.state()
        if state == "running":
            continue
        waiting.remove(task)
        if state in UNSETTLED:
            yield task
        else:
            progress.finished(task.folder, state)
