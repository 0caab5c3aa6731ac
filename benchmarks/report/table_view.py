"""data.csv as a reader wants it: a row per arm, and the paper's number beside ours."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks.harness.results.standing import Row
from benchmarks.report.cells import Cell, as_cell, cited_cells, measured_cell, number

LABELS = ("scale", "dataset", "panel", "arm", "epoch")
COUNTS = ("n", "n_eval", "diverged", "missing")
FILES = ("drawn_seed", "exhibit")
PARTS = ("_mean", "_std", "_low", "_high")


class Values(NamedTuple):
    """A table to be shown."""

    header: list[str]
    rows: list[list[Cell]]
    note: str  # what is not in it


def values(rows: Sequence[Row], reason: str = "") -> Values:
    """The table of a data.csv's rows; `reason`: why there is no FID."""
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
              if any(row.get(name) for row in last) and (name == "arm" or _differ(last, name))]
    header = [*labels, "seeds", *plain]
    for name in beside:
        header += [name, f"{name} in the paper", "ours less the paper's"]
    body = [[*(as_cell(row[name]) for name in labels), _seeds(row),
             *(as_cell(row[name]) for name in plain),
             *(cell for name in beside for cell in cited_cells(row, name)),
             *(measured_cell(row, name) for name in score)] for row in last]
    return Values([*header, *score], body, _note(metrics, measured, curves, reason))


def _ends(rows: Sequence[Row]) -> tuple[list[Row], bool]:
    """The last row of each arm of each panel, and whether there were earlier ones."""
    last: dict[tuple[str | None, str | None], Row] = {}
    for row in rows:
        key = (row.get("panel"), row.get("arm"))
        last[key] = row
    curves = len(last) < len(rows) and any(row.get("epoch") for row in rows)
    return (list(last.values()), True) if curves else (list(rows), False)


def _differ(rows: Iterable[Row], name: str) -> bool:
    return len({row.get(name) for row in rows}) > 1


def _seeds(row: Row) -> Cell:
    """How many seeds the numbers are of, and what became of the others."""
    lost = int(number(row.get("diverged")) or 0) if row.get("epoch") else 0
    count = max(0, int(number(row.get("n")) or 0) - lost)  # a curve ends where its run diverged
    other = [f"{int(found)} {name}" for name in ("diverged", "missing")
             if (found := number(row.get(name)))]
    told = [str(count)] if count or not other else []
    return Cell(", ".join([*told, *other]), count, bool(other))


def _note(
    metrics: list[str], measured: list[str], curves: bool, reason: str
) -> str:
    """What a reader would look for in vain."""
    absent = [name for name in metrics if name not in measured]
    notes = [f"Not measured: {', '.join(absent)}."] if absent else []
    if "fid" in absent and reason:
        notes.append(f"No FID: {reason}.")
    if curves:
        notes.append("The end of each curve; data.csv has all of it.")
    return " ".join(notes)
