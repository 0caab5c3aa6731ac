"""Runs that a results folder already holds: published again as they are, instead of trained."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.results.read import read_provenance, read_table, runs_of
from benchmarks.harness.spec.artefact import exhibit_stem
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.spec.selection import PlannedRun


@dataclass(frozen=True)
class Reused:
    """Outcomes of a results folder, by run key."""

    folder: Path
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # of runs.csv
    provenance: dict[str, dict[str, Any]] = field(default_factory=dict)
    exhibits: dict[str, dict[str, bytes]] = field(default_factory=dict)  # name, without the stem

    def said(self, where: str) -> str:
        """A line: whose runs they are, and what that means for pairing by seed."""
        origins = {name: ", ".join(sorted({str(run.get(name)) for run in self.provenance.values()}))
                   for name in ("processor", "commit")}
        return (f"reused: {len(self.rows)} runs of {where} ({origins['processor']}; commit "
                f"{origins['commit']}). Seeds stay paired: a seed fixes initial weights, order of "
                "images and draws everywhere; another processor changes last bits")


def reused(folder: Path, entries: Iterable[PlannedRun]) -> Reused:
    """The outcomes in the folder that the entries ask for, with every measure that they ask for.

    Raises UsageError if its files are corrupt."""
    table = folder / "runs.csv"
    known = runs_of(read_provenance(folder)) if table.exists() else {}
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in read_table(table) if known else []:
        rows.setdefault((row["arm"], row["seed"]), []).append(row)
    found = Reused(folder)
    for entry in entries:
        origin = known.get(entry.run.key)
        if origin is None or not {each.id for each in entry.measures} <= {*origin.get(
                "measures", {})}:
            continue
        there = rows.get((origin["arm"], str(origin["seed"])), [])
        if not there or there[-1]["status"] not in SETTLED:
            continue
        name = {"arm": entry.arm.name, "panel": "+".join(entry.arm.panels)}
        found.rows[entry.run.key] = [row | name for row in there]
        found.provenance[entry.run.key] = origin | {"arm": entry.arm.name}
        stem = exhibit_stem(origin["arm"], origin["seed"])
        found.exhibits[entry.run.key] = {
            path.name.removeprefix(f"{stem}."): path.read_bytes() for place in ("points", "tiles")
            for path in (folder / place).glob("[!.]*") if path.name.startswith(f"{stem}.")}
    return found
