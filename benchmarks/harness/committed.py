"""Results that are already there: are they intact, are they fuller, how far off is the new."""

import csv
import io
from itertools import compress
import math
from pathlib import Path
from tempfile import NamedTemporaryFile

from benchmarks.harness.errors import UsageError

LABELS = ("scale", "dataset", "panel", "arm", "epoch", "n")
TABLES = {"runs.csv": ("arm", "seed", "epoch", "status"), "data.csv": ("scale", "arm", "n"),
          "claims.csv": ("claim", "verdict")}
NUMBERS = ("epoch", "estimate")


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a result file; raises UsageError, naming the line, if it is corrupt."""
    try:
        lines = list(csv.reader(io.StringIO(path.read_bytes().decode()), strict=True))
        header = lines[0]
        rows = [dict(zip(header, line, strict=True)) for line in lines[1:]]
        for row in rows:
            int(row.get("seed", 0))
            for name in NUMBERS:
                float(row.get(name) or 0)
    except (ValueError, IndexError, csv.Error) as error:
        raise _corrupt(path, str(error).splitlines()[0]) from None
    if not rows and path.name != "claims.csv":  # an artefact may claim nothing
        raise _corrupt(path, "it has no rows")
    if missing := [name for name in TABLES[path.name] if name not in header]:
        raise _corrupt(path, f"it has no column {missing[0]!r}")
    return rows


def _corrupt(path: Path, reason: str) -> UsageError:
    return UsageError(f"{path} is corrupt ({reason}); restore it with git checkout, or remove it")


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
                         "choose another folder with --results-dir") from None
    tables = {name: read(folder / name) for name in TABLES if (folder / name).exists()}
    rows = tables.get("runs.csv", [])
    return {(row["arm"], row["seed"]) for row in rows if row["status"] in ("done", "diverged")} | {
        (row["arm"], row["seed"], "fid") for row in rows if row.get("fid")}


def largest_difference(old: str, new: str) -> str:
    """One line on how far two data.csv are apart: the largest relative difference of a number."""
    if old == new:
        return "identical to the results that were there"
    before, after = (list(csv.reader(io.StringIO(text))) for text in (old, new))
    labels = [name in LABELS for name in before[0]]
    if before[0] != after[0] or _labels(before, labels) != _labels(after, labels):
        return "not comparable with the results that were there: they have other rows or columns"
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
