"""data.csv as a table to read: a row per arm, and the paper's number beside ours."""

from collections.abc import Sequence
from math import isnan
from typing import NamedTuple

from benchmarks.harness.analysis.verdicts import Effect
from benchmarks.harness.results.read import Row

NO_VALUE = "not measured"


class Cell(NamedTuple):
    """Shown text, and the number that a column is sorted by."""

    text: str
    number: float | None = None
    lacks: bool = False  # whether there should be a number


def number(text: str | None) -> float | None:
    """The number in a field of a table; None for an empty field or a word."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return None if isnan(value) else value


def shown(value: float | None) -> str:
    """The number with four digits; empty for None."""
    return "" if value is None else f"{value:.4g}"


def interval(row: Row, low: str, high: str) -> str:
    """The interval in brackets; empty without one."""
    ends = [number(row.get(name)) for name in (low, high)]
    return "" if None in ends else f" [{shown(ends[0])}, {shown(ends[1])}]"


def compared(row: Row) -> str:
    """What decided a claim, and the reason beside it."""
    return "; ".join(filter(None, (row["comparison"], row["reason"])))


def difference(effect: Effect) -> str:
    """An effect's estimate, with its interval if there are several seeds."""
    found = effect.difference
    ends = f" [{shown(found.low)}, {shown(found.high)}]" if found.n > 1 else ""
    return shown(found.estimate) + ends


def as_cell(text: str) -> Cell:
    """The field as a cell, a number shortened."""
    value = number(text)
    return Cell(text if value is None else shown(value), value)


def measured_cell(row: Row, name: str) -> Cell:
    """A metric with its interval, or the reason why it is missing."""
    mean = number(row[f"{name}_mean"])
    if mean is None:
        why = next((word for name, word in (("diverged", "diverged"), ("missing", "not run"))
                    if number(row.get(name))), NO_VALUE)
        return Cell(why, None, True)
    return Cell(shown(mean) + interval(row, f"{name}_low", f"{name}_high"), mean)


def cited_cells(row: Row, name: str) -> list[Cell]:
    """Our number, the paper's, and their difference where the two are comparable."""
    theirs, ours = number(row[f"cited_{name}"]), _ours(row, name)
    if theirs is None:
        return [ours, Cell("none given"), Cell("")]
    if row.get("method", "moca") != "moca":  # of other networks, on other images
        return [ours, as_cell(str(theirs)), Cell("not compared: copied from another paper")]
    if row["scale"] != "paper":
        return [ours, as_cell(str(theirs)), Cell("not compared: another scale")]
    if ours.number is None:
        return [ours, as_cell(str(theirs)), Cell(ours.text, None, True)]
    low, high = (number(row.get(f"{name}_{end}")) for end in ("low", "high"))
    where = "one seed" if row.get("n") == "1" else "no interval"
    if low is not None and high is not None:
        where = "in our interval" if low <= theirs <= high else "outside our interval"
    return [ours, as_cell(str(theirs)),
            Cell(f"{ours.number - theirs:+.4g} ({where})", ours.number - theirs)]


def _ours(row: Row, name: str) -> Cell:
    """Our number for a cited one; for a lambda, the one that is best by FID."""
    if f"{name}_mean" in row:
        return measured_cell(row, name)
    found = row.get(f"fid_{name}", "")
    return as_cell(found) if found else Cell(NO_VALUE, None, True)


LABELS = ("scale", "dataset", "panel", "arm", "epoch")
COUNTS = ("n", "n_eval", "diverged", "missing")
FILES = ("drawn_seed", "exhibit")
PARTS = ("_mean", "_std", "_low", "_high")


class Values(NamedTuple):
    """A table to be shown."""

    header: list[str]
    rows: list[list[Cell]]
    note: str  # on what is missing


def values(rows: Sequence[Row], reason: str = "") -> Values:
    """The table that shows the rows of data.csv, and a note with `reason` where FID is missing."""
    names = list(rows[0]) if rows else []
    metrics = [name[:-5] for name in names if name.endswith("_mean")]
    measured = [name for name in metrics if any(number(row[f"{name}_mean"]) is not None
                                                for row in rows)]
    other = [name for name in names if name not in (*LABELS, *COUNTS, *FILES)
             and not any(name == metric + part for metric in metrics for part in PARTS)]
    cited = [name for name in other if name.startswith("cited_") and any(row[name] for row in rows)]
    plain = [name for name in other if not name.startswith("cited_")
             and any(row[name] for row in rows)]
    beside = {name.removeprefix("cited_"): name for name in cited}
    score = [name for name in metrics if name in measured and name not in beside]
    last, curves = _ends(rows)
    labels = [name for name in ("panel", "arm", "epoch")
              if any(row.get(name) for row in last)
              and (name == "arm" or len({row.get(name) for row in last}) > 1)]
    header = [*labels, "seeds", *plain]
    for name in beside:
        header += [name, f"{name} in the paper", "ours less the paper's"]
    body = [[*(as_cell(row[name]) for name in labels), _seeds(row),
             *(as_cell(row[name]) for name in plain),
             *(cell for name in beside for cell in cited_cells(row, name)),
             *(measured_cell(row, name) for name in score)] for row in last]
    return Values([*header, *score], body, _note(metrics, measured, curves, reason))


def _ends(rows: Sequence[Row]) -> tuple[list[Row], bool]:
    """The last row per arm and panel, and whether earlier ones were left out."""
    last: dict[tuple[str | None, str | None], Row] = {}
    for row in rows:
        last[row.get("panel"), row.get("arm")] = row
    curves = len(last) < len(rows) and any(row.get("epoch") for row in rows)
    return (list(last.values()), True) if curves else (list(rows), False)


def _seeds(row: Row) -> Cell:
    """The number of seeds behind the numbers, and the fate of the others."""
    lost = int(number(row.get("diverged")) or 0) if row.get("epoch") else 0
    count = max(0, int(number(row.get("n")) or 0) - lost)  # a curve ends where its run diverged
    other = [f"{int(found)} {name}" for name in ("diverged", "missing")
             if (found := number(row.get(name)))]
    told = [str(count)] if count or not other else []
    return Cell(", ".join([*told, *other]), count, bool(other))


def _note(metrics: list[str], measured: list[str], curves: bool, reason: str) -> str:
    """A sentence on missing metrics and left-out epochs."""
    absent = [name for name in metrics if name not in measured]
    notes = [f"Not measured: {', '.join(absent)}."] if absent else []
    if "fid" in absent and reason:
        notes.append(f"No FID: {reason}.")
    if curves:
        notes.append("The end of each curve; data.csv has all of it.")
    return " ".join(notes)
