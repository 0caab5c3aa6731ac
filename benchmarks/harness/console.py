"""Progress of one long thing: a bar on a terminal, one line in a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import sys

Tell = Callable[[int], None]


@contextmanager
def steps(label: str, total: int) -> Iterator[Tell]:
    """Yields what takes how many of the steps are done."""
    with _shown(label, label, 0, total, in_bytes=False) as tell:
        yield tell


@contextmanager
def transfer(label: str, line: str, have: int, total: int | None) -> Iterator[Tell]:
    """Yields what takes the bytes there so far; a log gets `line`."""
    with _shown(label, line, have, total, in_bytes=True) as tell:
        yield tell


@contextmanager
def _shown(
    label: str, line: str, have: int, total: int | None, *, in_bytes: bool
) -> Iterator[Tell]:
    if not sys.stderr.isatty():
        print(line, flush=True)
        yield lambda done: None
        return
    from rich import progress as columns
    from rich.console import Console
    amount = ([columns.DownloadColumn(), columns.TransferSpeedColumn()] if in_bytes
              else [columns.TaskProgressColumn()])
    with columns.Progress(columns.TextColumn("{task.description}"), columns.BarColumn(), *amount,
                          columns.TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total, completed=have)
        yield lambda done: bar.update(task, completed=done)
