"""Rows of runs.csv: the outcomes of a selection's stored runs."""

from __future__ import annotations

from collections.abc import Mapping
import csv
from dataclasses import fields
import io
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from benchmarks.harness.spec.run import SETTLED, Run
from benchmarks.harness.spec.selection import PlannedRun, Selection
from benchmarks.harness.store.run_folder import RunFolder, Store
from benchmarks.harness.store.task import Task

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("arm", "method", "dataset")  # columns of words, where "nan" or "" is a value
NOTHING: Mapping[str, list[dict[str, Any]]] = MappingProxyType({})
LEADING = ("scale", "arm", "panel", "status", "diverged_step", "epoch")


def collect(
    selection: Selection, store: Store, reused: Mapping[str, list[dict[str, Any]]] = NOTHING
) -> list[dict[str, Any]]:
    """The rows of runs.csv: one per run and epoch; a missing run has one without an epoch.

    `reused`: rows by run key, of outcomes that the store need not have."""
    return [row for entry in selection.entries()
            for row in reused.get(entry.run.key) or _run_rows(selection, store, entry)]


def _run_rows(selection: Selection, store: Store, entry: PlannedRun) -> list[dict[str, Any]]:
    folder = store.folder(entry.run.key)
    state = Task(folder, entry.curves, entry.measures).state()
    row: dict[str, Any] = {"scale": selection.scale, "arm": entry.arm.name,
                           "panel": "+".join(entry.arm.panels)}
    row |= {field.name: getattr(entry.run, field.name) for field in fields(Run)}
    row |= {f"hyper.{name}": value for name, value in row.pop("hyper")}
    if state not in SETTLED:
        # a run in progress counts as missing: the table holds no passing states
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


def asked_of(result: dict[str, Any], entry: PlannedRun) -> list[dict[str, Any]]:
    """The rows of an outcome, without curves that only other artefacts ask for."""
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


def _measured(folder: RunFolder, entry: PlannedRun) -> dict[int | None, dict[str, Any]]:
    """Measured numbers by epoch of the snapshot; None: the final model."""
    values: dict[int | None, dict[str, Any]] = {}
    for measure in entry.measures:
        found = folder.measurement(measure)
        if found and found["numbers"]:
            of_epoch = values.setdefault(measure.epoch, {})
            of_epoch |= found["numbers"] | {"n_eval": measure.n_eval}
            of_epoch |= {"n_made": measure.n_made} if measure.n_made else {}
    return values


def runs_csv(rows: list[dict[str, Any]]) -> str:
    """The rows as CSV; the order of columns does not depend on which runs are missing."""
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


def read_csv(text: str) -> pd.DataFrame:
    """A result table as a DataFrame, numbers bit for bit; a method may be called null or 1."""
    import pandas as pd
    names = next(csv.reader(io.StringIO(text)))
    empty = {name: ["", "nan"] for name in names if name not in NAMES}
    return pd.read_csv(io.StringIO(text), low_memory=False, keep_default_na=False,
                       na_values=empty, dtype=dict.fromkeys(NAMES, str))
