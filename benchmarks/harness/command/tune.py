"""`tune`: trains a grid of lambdas on validation images, and freezes the choice in a CSV."""

from argparse import Namespace
from collections.abc import Sequence
import csv
from dataclasses import replace
from functools import partial
import io
from pathlib import Path

from benchmarks.harness.command import sweep
from benchmarks.harness.errors import UsageError
from benchmarks.harness.results.read import read_table
from benchmarks.harness.spec.artefact import Artefact
from benchmarks.harness.spec.claims import SCALES
from benchmarks.harness.spec.hyperparameters import UserMethod
from benchmarks.harness.spec.selection import Selection, select
from benchmarks.harness.spec.user_data import UserData
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


def with_own_weights(
    artefact: Artefact, own: Sequence[UserMethod], data: UserData | None, store: Store,
    options: Namespace,
) -> Artefact:
    """The artefact with the weights of a user's arms, which its grid chooses first.

    Raises UsageError while the grid is not complete, as when jobs of a cluster are at it."""
    if artefact.tuning is None or artefact.own_arms is None:
        return artefact
    declared = {arm.name for arm in artefact.tuning.arms(options.scale)}
    grid = select(artefact.tuning, options.scale, None, options.methods, own, data,
                  precision=options.precision)
    mine = tuple(arm for arm in grid.arms if arm.name not in declared)
    if not mine:
        return artefact
    grid = replace(grid, arms=mine)
    if options.to_train and sweep.run([grid], store, options):
        raise UsageError(f"{grid.artefact.name} is not complete; the same command goes on with it")
    table = grid.results(options.results_dir, options.cache_dir) / "data.csv"
    rows = read_table(table) if table.exists() else []
    weights = {row["panel"]: float(row["lam"]) for row in rows if row["chosen"] == "True"}
    return replace(artefact, own_arms=partial(artefact.own_arms, weights=weights))


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
