"""Console output: progress bars (a single line in a log), verdicts, short paths."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
import sys

Tell = Callable[[int], None]


def steps(label: str, total: int) -> AbstractContextManager[Tell]:
    """The context of a function to call with the number of finished steps."""
    return _shown(label, label, 0, total, in_bytes=False)


def transfer(label: str, line: str, have: int, total: int | None) -> AbstractContextManager[Tell]:
    """The context of a function to call with the number of received bytes; a log gets `line`."""
    return _shown(label, line, have, total, in_bytes=True)


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


def why(row: Mapping[str, str]) -> str:
    """The deciding comparison of a row of claims.csv with its numbers, and the reason beside it."""
    numbers = [f"{float(row[name]):.4g}" if row[name] not in ("", "nan") else ""
               for name in ("estimate", "low", "high")]
    ends = f" [{numbers[1]}, {numbers[2]}]" if numbers[1] and numbers[2] else ""
    found = f"{row['statistic']} {numbers[0]}{ends}, n = {row['n']}" if numbers[0] else ""
    return "; ".join(filter(None, (
        ": ".join(filter(None, (row["comparison"], found.strip()))), row["reason"])))


def print_verdicts(rows: Iterable[Mapping[str, str]]) -> None:
    """Prints the claims and readings of claims.csv's rows: id, verdict, basis, words, and why."""
    for row in rows:
        if row["role"] == "verdict":
            print(f"  {row['claim']:<28} {row['verdict']:<21} {row['basis']:<6} {row['text']} "
                  f"({why(row)})")
        elif row["role"] == "reading":
            print(f"    {row['claim']:<26} {row['verdict']:<21} reading ({why(row)})")


def say(line: str) -> None:
    """Prints a line that may name anything: what the output cannot encode is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def shown(path: Path) -> str:
    """The path, relative to the working directory if it is below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
