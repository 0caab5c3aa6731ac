"""Tuning: the choice of lambda for every regularizer of a table, by one grid and one metric.

The runs are scored on training images that none of them trains on. `bench.py tune NAME` runs the
grid and writes the choice to benchmarks/tuned/NAME.csv, which the table reads."""

from collections.abc import Sequence
import csv
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.spec.artefact import VALIDATION, Arm, Artefact, DataFrame, Measure
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import EXTRACTORS, Counts, DatasetRecipe, TableRow

GRID = {"paper": (1, 10, 100, 1000, 10000), "mini": (1, 10, 100, 1000, 10000), "smoke": (1, 10000)}
SHARE_OF_EPOCHS = 0.5  # of the table's training: a grid of full ones costs five tables
METRICS = ("fid", "fd_cifar10")  # decides: the first that every run has

RIVALS = (
    TableRow("moca", "moca", "sphere"), TableRow("mmd sphere", "mmd", "sphere"),
    TableRow("mmd gaussian", "mmd", "gaussian"), TableRow("gan sphere", "gan", "sphere"),
    TableRow("gan gaussian", "gan", "gaussian"), TableRow("swd", "swd", "sphere"),
    TableRow("sinkhorn", "sinkhorn", "sphere"), TableRow("sae", "sae", "sphere"),
    TableRow("cramer-wold", "cramer-wold", "sphere"),
    TableRow("uniformity", "uniformity", "sphere"),
    TableRow("swd gaussian", "swd", "gaussian"),
    TableRow("cramer-wold gaussian", "cramer-wold", "gaussian"))
# mini scale has these on the sphere alone, to finish in time
LEFT_OUT = {"mini": ("swd gaussian", "cramer-wold gaussian")}


def shortened(run: Run, n_train: int) -> Run:
    """The run for fewer epochs on `n_train` images, which leave out the validation split."""
    halve = run.halve_every and max(1, round(SHARE_OF_EPOCHS * run.halve_every))
    return replace(run, n_train=n_train, halve_every=halve,
                   epochs=max(1, round(SHARE_OF_EPOCHS * run.epochs)))


def without_validation(counts: Counts) -> Counts:
    """Training images by scale; at the paper's the last ones are kept for validation."""
    return {**counts, "paper": counts["paper"] - VALIDATION}


def search(table: str, architecture: str, images: DatasetRecipe) -> Artefact:
    """The grid of lambdas of a table's architecture, as an artefact."""
    n_train, n_eval = without_validation(images.n_train), {**images.n_eval, "paper": VALIDATION}

    def arms(scale: str) -> tuple[Arm, ...]:
        return tuple(
            Arm(f"{rival.label}[lam={lam:g}]",
                shortened(images.contender(scale, architecture, rival, float(lam)), n_train[scale]),
                (rival.label,))
            for rival in RIVALS if rival.label not in LEFT_OUT.get(scale, ())
            for lam in GRID[scale])

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


def chosen(rows: DataFrame, metrics: Sequence[str] = METRICS) -> DataFrame:
    """Validation scores per arm; `chosen` marks the best of each panel's grid.

    Decided by the first of the metrics that every run has."""
    from benchmarks.harness.analysis.tables import final_scores
    keep = ["architecture", "method", "prior", "lam"]
    scores = final_scores(rows, list(metrics[::-1]), keep)
    done = scores["n"] > 0
    metric = next((name for name in metrics if scores.loc[done, f"{name}_mean"].notna().all()),
                  metrics[-1])
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
