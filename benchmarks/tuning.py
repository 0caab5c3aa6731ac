"""Tuning: the choice of lambda for every regularizer of a table, by one grid and one metric.

The runs are scored on training images that none of them trains on. `bench.py tune NAME` runs the
grid and writes the choice to benchmarks/tuned/NAME.csv, which the table reads."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.spec.artefact import VALIDATION, Arm, Artefact, DataFrame, Measure
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import EXTRACTORS, DatasetRecipe, TableRow

GRID = {"paper": (1, 10, 100, 1000, 10000), "mini": (1, 10, 100, 1000, 10000), "smoke": (1, 10000)}
SHARE_OF_EPOCHS = 0.5  # of the table's training: a grid of full ones costs five tables
METRICS = ("fid", "fd_cifar10")  # decides: the first that every run has

RIVALS = (
    TableRow("moca", "moca", "sphere"), TableRow("mmd sphere", "mmd", "sphere"),
    TableRow("mmd gaussian", "mmd", "gaussian"), TableRow("gan sphere", "gan", "sphere"),
    TableRow("gan gaussian", "gan", "gaussian"), TableRow("swd", "swd", "sphere"),
    TableRow("sinkhorn", "sinkhorn", "sphere"), TableRow("sae", "sae", "sphere"),
    TableRow("cramer-wold", "cramer-wold", "sphere"),
    TableRow("uniformity", "uniformity", "sphere"))


def search(table: str, architecture: str, images: DatasetRecipe) -> Artefact:
    """The grid of lambdas of a table's architecture, as an artefact.

    At the paper's scale the last training images are kept for validation."""
    n_train = {**images.n_train, "paper": images.n_train["paper"] - VALIDATION}
    n_eval = {**images.n_eval, "paper": VALIDATION}

    def shortened(scale: str, run: Run) -> Run:
        """The run for fewer epochs on the images outside the validation split."""
        halve = run.halve_every and max(1, round(SHARE_OF_EPOCHS * run.halve_every))
        return replace(run, n_train=n_train[scale], halve_every=halve,
                       epochs=max(1, round(SHARE_OF_EPOCHS * run.epochs)))

    def arms(scale: str) -> tuple[Arm, ...]:
        return tuple(
            Arm(f"{rival.label}[lam={lam:g}]",
                shortened(scale, images.contender(scale, architecture, rival, float(lam))),
                (rival.label,))
            for rival in RIVALS for lam in GRID[scale])

    def measures(scale: str, seed: int) -> tuple[Measure, ...]:
        return tuple(Measure(name, n_eval[scale], split="validation")
                     for name in EXTRACTORS[scale])

    return Artefact(
        name=f"tune-{table}-{architecture}", figure="grid_search",
        caption=f"The choice of lambda for every regularizer, {table}-{architecture}",
        place=table.replace("table", "Table "), seeds=dict.fromkeys(GRID, 1), arms=arms,
        template=lambda scale: arms(scale)[0].run, settings=images.settings, table=chosen,
        claims=lambda scale: (), claim_for=lambda scale, arm: None, ambiguities=images.ambiguities,
        measures=measures)


def chosen(rows: DataFrame) -> DataFrame:
    """Validation scores per arm; `chosen` marks the best of each panel's grid."""
    from benchmarks.harness.analysis.tables import final_scores
    keep = ["architecture", "method", "prior", "lam"]
    scores = final_scores(rows, list(METRICS[::-1]), keep)
    done = scores["n"] > 0
    metric = next((name for name in METRICS if scores.loc[done, f"{name}_mean"].notna().all()),
                  METRICS[-1])
    best = scores.loc[done].groupby("panel")[f"{metric}_mean"].idxmin()
    return scores.assign(metric=metric, chosen=scores.index.isin(best))


class Choice(NamedTuple):
    """A chosen lambda, and the scale and data set of its grid."""

    lam: float
    scale: str
    dataset: str

    def origin(self, dataset: str) -> str:
        """The scale of the grid, with the data set if it is not that of the table."""
        return self.scale if dataset == self.dataset else f"{self.scale}, {self.dataset}"


def choices(name: str) -> dict[str, Choice]:
    """Returns the choices of tuned/<name>.csv by regularizer; empty without the file."""
    path = Path(__file__).parent / "tuned" / f"{name}.csv"
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        return {row["panel"]: Choice(float(row["lam"]), row["scale"], row["dataset"])
                for row in csv.DictReader(file)}
