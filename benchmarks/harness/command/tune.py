"""`tune`: trains a grid of lambdas on validation images, and freezes the choice in a CSV."""

from argparse import Namespace
import csv
import io
from pathlib import Path

from benchmarks.harness.command import sweep
from benchmarks.harness.results.read import read_table
from benchmarks.harness.spec.claims import SCALES
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.files import write_if_changed
from benchmarks.harness.store.provenance import ROOT
from benchmarks.harness.store.run_folder import Store

TUNED = ROOT / "benchmarks" / "tuned"
COLUMNS = ("panel", "architecture", "method", "prior", "lam", "metric", "score", "scale", "dataset",
           "n_eval")


def tune(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Runs the sweeps, then freezes every complete grid; returns the exit status."""
    status = sweep.run(selections, store, options)
    for selection in selections:
        if status or options.redraw or selection.custom or selection.scale == "smoke":
            print("not frozen: only a whole grid on real data is")
            continue
        if options.results_dir != ROOT / "results":
            print("not frozen: the evidence is not in the suite's own results folder")
            continue
        folder = selection.results(options.results_dir, options.cache_dir)
        print(freeze(folder, TUNED / f"{selection.artefact.name.removeprefix('tune-')}.csv"))
    return status


def freeze(folder: Path, target: Path) -> str:
    """Writes the chosen rows of the folder's data.csv, unless `target` is of a larger scale.

    Returns a line on what was done."""
    every = read_table(folder / "data.csv")
    if any(int(row["missing"]) for row in every):
        return f"not frozen: {folder} is not complete"
    rows = [row for row in every if row["chosen"] == "True"]
    if target.exists():
        with open(target, newline="", encoding="utf-8") as file:
            before = next(csv.DictReader(file))["scale"]
        if SCALES.index(before) < SCALES.index(rows[0]["scale"]):
            return f"not frozen: {target} was chosen at {before} scale"
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {"score": row[f"{row['metric']}_mean"]} for row in rows)
    write_if_changed(target, text.getvalue().encode())
    return f"frozen: {target}"
