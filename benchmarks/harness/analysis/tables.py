"""Tables of data.csv: means over seeds with 95 % Student-t intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit  # scipy.stats takes most of a second to import

from benchmarks.harness.spec.artefact import exhibit_stem
from benchmarks.harness.spec.run import SETTLED

LEVEL = 0.95


def t_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float, float]:
    """Mean and the ends of its t interval; the ends are NaN for fewer than two values."""
    mean = float(np.mean(values)) if len(values) else np.nan
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = float(stdtrit(len(values) - 1, (1 + level) / 2) * np.std(values, ddof=1))
    half /= len(values) ** 0.5
    return mean, mean - half, mean + half


def summary(rows: pd.DataFrame, by: list[str], columns: list[str]) -> pd.DataFrame:
    """One row per group: n (rows with a value); mean, std (ddof 1), low, high of each column."""
    grouped = rows.groupby(by, sort=False, dropna=False)
    out = grouped[columns[0]].count().rename("n").to_frame()
    quantile = pd.Series(stdtrit((out["n"] - 1).clip(lower=1), (1 + LEVEL) / 2), out.index)
    for column in columns:
        mean, std = grouped[column].mean(), grouped[column].std(ddof=1)
        half = quantile * std / out["n"] ** 0.5
        out[f"{column}_mean"], out[f"{column}_std"] = mean, std
        out[f"{column}_low"], out[f"{column}_high"] = mean - half, mean + half
    return out.reset_index()


def outcomes(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """One row per group: how many of its runs `diverged`, how many are `missing`."""
    per_run = rows.drop_duplicates([*by, "seed"]).groupby(by, sort=False)["status"]
    return per_run.agg(diverged=lambda s: (s == "diverged").sum(),
                       missing=lambda s: (~s.isin(SETTLED)).sum()).reset_index()


def final_scores(rows: pd.DataFrame, columns: list[str], keep: Sequence[str] = ()) -> pd.DataFrame:
    """One row per arm: `summary` of the measures of its final models, and `outcomes`.

    Every run must have the first column; `keep` names fields of the run to show."""
    by = ["scale", "dataset", "panel", "arm", *keep]
    rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, "n_eval", *columns])))
    last = rows.groupby([*by, "seed"], sort=False).tail(1)
    scores = summary(last, by, columns).merge(outcomes(rows, by), on=by)
    n_eval = last.groupby(by, sort=False)["n_eval"].max().astype("Int64").reset_index()
    return n_eval.merge(scores, on=by)


def best_of_each(scores: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """One row per panel: the lowest mean of each metric and its lambda, `<metric>_lam`."""
    keep = ["scale", "dataset", "panel", "image_size"]
    found = scores.drop_duplicates("panel")[[*keep, "n_eval"]].set_index("panel", drop=False)
    grids = scores.groupby("panel", sort=False)
    for metric in metrics:
        mean = f"{metric}_mean"
        lams = {panel: rows["lam"].iloc[int(rows[mean].argmin())] for panel, rows in grids
                if not rows["missing"].any() and rows[mean].notna().any()}
        found[f"{metric}_lam"] = found.index.map(lams)
        found[mean] = grids[mean].min().where(found.index.isin(lams))
    counts = grids[["n", "diverged", "missing"]].agg({"n": "min", "diverged": "sum",
                                                      "missing": "sum"})
    return found.join(counts).reset_index(drop=True)


def exhibited(rows: pd.DataFrame, scores: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The scores with `exhibit`, the stem of the drawn run's files; empty without an outcome."""
    drawn = rows[(rows["seed"] == seed) & (rows["status"] == "done")]["arm"].unique()
    stems = {arm: exhibit_stem(arm, seed) for arm in drawn}
    return scores.assign(drawn_seed=seed, exhibit=scores["arm"].map(stems))


def curve_table(rows: pd.DataFrame, columns: list[str], keep: list[str]) -> pd.DataFrame:
    """One row per panel, arm and measured epoch; `keep`: fields of the run to show."""
    by = ["scale", "dataset", "panel", "arm", *keep]
    rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, "n_eval", *columns])))
    rows = rows.assign(panel=rows["panel"].str.split("+")).explode("panel", ignore_index=True)
    taken = summary(rows[rows[columns[0]].notna()], [*by, "epoch", "n_eval"], columns)
    out = outcomes(rows, by).merge(taken, "left", by)
    counts = ["n", "epoch", "n_eval"]  # an arm that is missing has none
    return out.astype(dict.fromkeys(counts, "Int64"))


def floored_curves(rows: pd.DataFrame, floors: Mapping[str, str]) -> pd.DataFrame:
    """One row per panel, arm and epoch; the arm `floor` has one per panel and epoch.

    `floors`: column of a distance -> column of that distance between two samples of the prior, the
    same for all runs of a panel and seed."""
    by, columns = ["scale", "dataset", "panel", "arm", "epoch"], list(floors)
    measured = [*rows.columns, *floors, *floors.values()]
    rows = rows.reindex(columns=list(dict.fromkeys(measured)))
    rows = rows.assign(panel=rows["panel"].str.split("+")).explode("panel", ignore_index=True)
    floor = rows.drop_duplicates(["scale", "dataset", "panel", "seed", "epoch"])
    floor = floor.assign(arm="floor", **{name: floor[below] for name, below in floors.items()})
    taken = [summary(each[each["epoch"].notna()], by, columns) for each in (rows, floor)]
    out = pd.concat(taken, ignore_index=True).merge(outcomes(rows, by[:-1]), "outer", by[:-1])
    counts = ["n", "diverged", "missing"]
    out[counts] = out[counts].fillna(0).astype(int)
    out["epoch"] = out["epoch"].astype("Int64")  # an arm that is missing has none
    order = {arm: k for k, arm in enumerate([*rows["arm"].drop_duplicates(), "floor"])}
    panels = {panel: k for k, panel in enumerate(rows["panel"].drop_duplicates())}
    out = out.assign(_panel=out["panel"].map(panels), _arm=out["arm"].map(order))
    out = out.sort_values(["_panel", "_arm", "epoch"], kind="stable")
    return out.drop(columns=["_panel", "_arm"]).reset_index(drop=True)
