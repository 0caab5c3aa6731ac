"""One number of a result table as a reader wants it, and the paper's beside ours."""

from math import isnan
from typing import NamedTuple

from benchmarks.harness.analysis.effects import Effect
from benchmarks.harness.results.standing import Row

NO_VALUE = "not measured"


class Cell(NamedTuple):
    """What is shown, and the number that a column is sorted by."""

    text: str
    number: float | None = None
    lacks: bool = False  # whether there should be a number


def number(text: str | None) -> float | None:
    """The number that a field of a table holds; None for an empty one or a word."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return None if isnan(value) else value


def shown(value: float | None) -> str:
    """Four digits are more than any of these numbers is good for."""
    return "" if value is None else f"{value:.4g}"


def interval(row: Row, low: str, high: str) -> str:
    """In brackets, where there is one."""
    ends = [number(row.get(name)) for name in (low, high)]
    return "" if None in ends else f" [{shown(ends[0])}, {shown(ends[1])}]"


def difference(effect: Effect) -> str:
    """With its interval, where there is more than one seed."""
    found = effect.difference
    ends = f" [{shown(found.low)}, {shown(found.high)}]" if found.n > 1 else ""
    return shown(found.estimate) + ends


def as_cell(text: str) -> Cell:
    """A field as it stands; a number shortened."""
    value = number(text)
    return Cell(text if value is None else shown(value), value)


def measured_cell(row: Row, name: str) -> Cell:
    """A metric with its interval, or the reason why there is none."""
    mean = number(row[f"{name}_mean"])
    if mean is None:
        why = next((word for name, word in (("diverged", "diverged"), ("missing", "not run"))
                    if number(row.get(name))), NO_VALUE)
        return Cell(why, None, True)
    return Cell(shown(mean) + interval(row, f"{name}_low", f"{name}_high"), mean)


def cited_cells(row: Row, name: str) -> list[Cell]:
    """Ours, the paper's, and how far apart they are where the two may be compared."""
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
    """What we have in the place of a cited number; a lambda is the one that is best by FID."""
    if f"{name}_mean" in row:
        return measured_cell(row, name)
    found = row.get(f"fid_{name}", "")
    return as_cell(found) if found else Cell(NO_VALUE, None, True)
