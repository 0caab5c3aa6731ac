"""Results that are already there: are they intact, are they fuller, how far off is the new."""

import csv
import io
from itertools import compress
import math
from pathlib import Path
from tempfile import NamedTemporaryFile

from benchmarks.harness.errors import UsageError

LABELS = ("scale", "dataset", "panel", "arm", "epoch", "n")
TABLES = {"runs.csv": ("arm", "seed", "epoch", "status"), "data.csv": ("scale", "n"),
          "claims.csv": ("claim", "verdict")}
NUMBERS = ("seed", "epoch", "estimate", "n", "diverged", "missing")
SUMMARIES = ("_mean", "_std", "_low", "_high")  # of data.csv


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a result file; raises UsageError, naming the line, if it is corrupt."""
    try:
        text = path.read_bytes().decode()
        lines = list(csv.reader(io.StringIO(text), strict=True))
    except (ValueError, csv.Error) as error:
        raise _corrupt(path, str(error).splitlines()[0]) from None
    header = lines[0] if lines else []
    for count, line in enumerate(lines, start=1):
        if len(line) != len(header):
            raise _corrupt(path, f"row {count} has {len(line)} fields and not {len(header)}")
    if not text.endswith("\n"):
        raise _corrupt(path, "it does not end with a line break")
    rows = [dict(zip(header, line, strict=True)) for line in lines[1:]]
    numbers = [name for name in header if name in NUMBERS
               or (path.name == "data.csv" and name.endswith(SUMMARIES))]
    for count, row in enumerate(rows, start=2):
        for name in numbers:
            if not _is_number(row[name] or "0"):
                raise _corrupt(path, f"{row[name]!r} in row {count} is no number")
    if not rows and path.name != "claims.csv":  # an artefact may claim nothing
        raise _corrupt(path, "it has no rows")
    if missing := [name for name in TABLES[path.name] if name not in header]:
        raise _corrupt(path, f"it has no column {missing[0]!r}")
    return rows


def _corrupt(path: Path, reason: str) -> UsageError:
    return UsageError(f"{path} is corrupt ({reason}); make it anew with the "
                      "command that made it, its folder removed, or restore it with git checkout")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def tables(folder: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of the folder's TABLES by name; empty without data.csv, which is written last.

    Raises UsageError if one is corrupt, or if they do not belong together.
    """
    if not (folder / "data.csv").exists():
        return {}
    if missing := [name for name in TABLES if not (folder / name).exists()]:
        raise _corrupt(folder / missing[0], "it is missing")
    found = {name: read(folder / name) for name in TABLES}
    if "arm" in found["data.csv"][0]:  # a table of the best ones has panels alone
        runs, data = (_last_epochs(found[name]) for name in ("runs.csv", "data.csv"))
        if lost := [arm for arm in runs if arm not in data]:
            raise _corrupt(folder / "data.csv", f"it has no row of {lost[0]}")
        curves = len({row.get("epoch") for row in found["data.csv"]}) > 1  # and no snapshot
        if cut := [arm for arm in runs if curves and -1 < data[arm] < runs[arm]]:
            raise _corrupt(folder / "data.csv", f"it breaks off in {cut[0]}")
    return found


def _last_epochs(rows: list[dict[str, str]]) -> dict[str, float]:
    """By arm; -1 where there is none."""
    found: dict[str, float] = {}
    for row in rows:
        found[row["arm"]] = max(found.get(row["arm"], -1.0), float(row.get("epoch") or -1))
    return found


def check(folder: Path) -> set[tuple[str, ...]]:
    """(arm, seed) of every outcome in the folder's runs.csv, (arm, seed, "fid") of every FID there.

    Raises UsageError if any table there is corrupt, or if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"results cannot be written to {folder}: {error.strerror}; "
                         "choose another with --results-dir (smoke scale: --cache-dir)") from None
    read_all = {name: read(folder / name) for name in TABLES if (folder / name).exists()}
    rows = read_all.get("runs.csv", [])
    return {(row["arm"], row["seed"]) for row in rows if row["status"] in ("done", "diverged")} | {
        (row["arm"], row["seed"], "fid") for row in rows if row.get("fid")}


def largest_difference(old: str, new: str) -> str:
    """One line on how far two data.csv are apart: the largest relative difference of a number."""
    if old == new:
        return "identical to the results that were there"
    before, after = (list(csv.reader(io.StringIO(text))) for text in (old, new))
    labels = [name in LABELS for name in before[0]]
    if before[0] != after[0] or _labels(before, labels) != _labels(after, labels):
        return "in the place of results that had other rows or columns, so they are not compared"
    worst, place = 0.0, ""
    for line, (a, b) in enumerate(zip(before[1:], after[1:], strict=True), start=2):
        for name, x, y in zip(before[0], a, b, strict=True):
            if x != y and (difference := _relative(x, y)) >= worst:
                worst = difference
                place = f"{name} in line {line}, {x or 'empty'} -> {y or 'empty'}"
    return f"largest difference from the results that were there: {worst:.2%} ({place})"


def _labels(table: list[list[str]], chosen: list[bool]) -> list[list[str]]:
    return [list(compress(row, chosen)) for row in table]


def _relative(x: str, y: str) -> float:
    """|x - y| over the larger magnitude; infinite where one is no number."""
    try:
        a, b = float(x), float(y)
    except ValueError:
        return math.inf
    return abs(a - b) / max(abs(a), abs(b), 1e-300)
