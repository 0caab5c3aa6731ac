"""From stored runs to runs.csv, data.csv, claims.csv, the figure and provenance.json."""

from __future__ import annotations

import csv
from dataclasses import fields
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness.results import exhibits, origins
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.selection import Entry, Selection
from benchmarks.harness.store import evaluations
from benchmarks.harness.store.files import (
    remove_leftovers,
    write_atomically,
    write_if_changed,
)
from benchmarks.harness.store.run_folder import RunFolder, Store
from benchmarks.harness.store.task import SETTLED, Task

if TYPE_CHECKING:
    import pandas as pd

PICTURES = ("figure.png", "figure.pdf", "figure.svg")
NAMES = ("arm", "method", "dataset")  # in which no text stands for a hole
LEADING = ("scale", "arm", "panel", "status", "diverged_step", "epoch")


def collect(selection: Selection, store: Store) -> list[dict[str, Any]]:
    """The rows of runs.csv: one per run and epoch, and one with no epoch for a run not there."""
    return [row for entry in selection.entries() for row in _run_rows(selection, store, entry)]


def _run_rows(selection: Selection, store: Store, entry: Entry) -> list[dict[str, Any]]:
    folder = store.folder(entry.run.key)
    state = Task(folder, entry.curves, entry.measures).state()
    row: dict[str, Any] = {"scale": selection.scale, "arm": entry.arm.name,
                           "panel": "+".join(entry.arm.panels)}
    row |= {field.name: getattr(entry.run, field.name) for field in fields(Run)}
    row |= {f"hyper.{name}": value for name, value in row.pop("hyper")}
    if state not in SETTLED:
        # a run in progress and one not begun are the same hole: the table holds no passing states
        return [row | {"status": "failed" if state == "failed" else "missing"}]
    result = folder.result()
    counts = result["parameters"]  # a key encoder or a critic is not counted (A19, A21)
    row |= {"status": result["status"], "diverged_step": result["diverged_step"],
            "parameters": counts["encoder"] + counts.get("decoder", 0)}
    rows = asked_of(result, entry) or [{}]
    measured = _measured(folder, entry)
    last = measured.pop(None, {})
    *before, final = [row | values | measured.get(values.get("epoch"), {}) for values in rows]
    return [*before, final | last]


def asked_of(result: dict[str, Any], entry: Entry) -> list[dict[str, Any]]:
    """The rows of an outcome without what was recorded for other artefacts."""
    recorded = {column for columns in result["curves"].values() for column in columns}
    epochs = entry.run.epochs

    rows = []
    for row in result["rows"]:
        due = [curve for curve in entry.curves if curve.is_due(row["epoch"], epochs)]
        wanted = {column for curve in due for column in result["curves"][curve.id]}
        rows.append({name: value for name, value in row.items()
                     if name not in recorded or name in wanted}
                    | next(({"n_eval": curve.n_eval} for curve in due if curve.n_eval), {}))
    return rows


def _measured(folder: RunFolder, entry: Entry) -> dict[int | None, dict[str, Any]]:
    """What was measured, by epoch: it stands in that epoch's row; None is the final model."""
    values: dict[int | None, dict[str, Any]] = {}
    for measure in entry.measures:
        found = evaluations.find(folder.path, measure)
        if found and found["numbers"]:
            of_epoch = values.setdefault(measure.epoch, {})
            of_epoch |= found["numbers"] | {"n_eval": measure.n_eval}
    return values


def runs_csv(rows: list[dict[str, Any]]) -> str:
    """The rows as text; columns in a fixed order that does not depend on which runs are there."""
    columns = [field.name for field in fields(Run) if field.name != "hyper"]
    names = {name for row in rows for name in row}
    hyper = sorted(name for name in names if name.startswith("hyper."))
    rest = sorted(names.difference(LEADING, columns, hyper))
    text = io.StringIO()
    header = [*LEADING[:3], *columns, *hyper, *LEADING[3:], *rest]
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def publish(selection: Selection, store: Store, folder: Path) -> str:
    """Brings the folder's files up to date with the store; returns the text of claims.csv.

    data.csv is written last: as long as it is old, everything that hangs on it is made again.
    """
    from benchmarks.harness.analysis.verdicts import judge
    runs = runs_csv(collect(selection, store))
    rows = read_csv(runs)
    data = selection.artefact.table(rows).to_csv(index=False, lineterminator="\n")
    claims = judge(rows, selection.claims).to_csv(index=False, lineterminator="\n")
    remove_leftovers(folder)
    target = folder / "data.csv"
    exhibits.write(selection.entries(), store, folder)
    drawn = all((folder / name).exists() for name in PICTURES)
    if not drawn or not target.exists() or target.read_bytes() != data.encode():
        draw(selection.artefact.name, data, folder)
    write_if_changed(folder / "runs.csv", runs.encode())
    write_if_changed(folder / "claims.csv", claims.encode())
    origins.write(selection, store, folder)
    write_if_changed(target, data.encode())
    return claims


def read_csv(text: str) -> pd.DataFrame:
    """A result table as a DataFrame, its numbers bit for bit; a method may be called null or 1."""
    import pandas as pd
    names = next(csv.reader(io.StringIO(text)))
    empty = {name: ["", "nan"] for name in names if name not in NAMES}
    return pd.read_csv(io.StringIO(text), low_memory=False, keep_default_na=False,
                       na_values=empty, dtype=dict.fromkeys(NAMES, str))


def draw(name: str, data: str, folder: Path) -> None:
    """The PICTURES from data.csv and its folder's exhibits, the same bytes for the same table.

    Raises OSError, ValueError, KeyError or SyntaxError if one of them is missing or damaged.
    """
    from figures import FIGURES
    from figures.saving import saved
    figure = FIGURES[name](read_csv(data), folder)
    for file in PICTURES:
        write_atomically(folder / file, saved(figure, Path(file).suffix[1:]))
