"""Console output: progress bars (one line in a log), verdicts, short paths."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
import sys

Tell = Callable[[int], None]


@contextmanager
def steps(label: str, total: int) -> Iterator[Tell]:
    """Yields a function that is told the number of finished steps."""
    with _shown(label, label, 0, total, in_bytes=False) as tell:
        yield tell


@contextmanager
def transfer(label: str, line: str, have: int, total: int | None) -> Iterator[Tell]:
    """Yields a function that is told the number of received bytes; a log gets `line`."""
    with _shown(label, line, have, total, in_bytes=True) as tell:
        yield tell


@contextmanager
def _shown(label: str, line: str, have: int, total: int | None, in_bytes: bool) -> Iterator[Tell]:
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


def verdict_line(claim: str, verdict: str, basis: str, text: str) -> str:
    """A claim and what became of it."""
    return f"  {claim:<28} {verdict:<17} {basis:<12} {text}"


def print_verdicts(rows: Iterable[Mapping[str, str]]) -> None:
    """A line per claim of claims.csv's rows; with the reason where one cannot be tested."""
    for row in rows:
        if row["role"] != "verdict":
            continue
        reason = f" ({row['comparison']})" if row["verdict"] == "not testable here" else ""
        print(verdict_line(row["claim"], row["verdict"], row["basis"], row["text"] + reason))


def shown(path: Path) -> str:
    """The path relative to where the user stands, if it is below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
