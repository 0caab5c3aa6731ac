"""Statistics of a whole grid of arms: which one is best, how good it is, how much they differ.

Called such as "best_lam:fid"; in the place of an arm stands a panel, or a pattern such as "*" for
several of them.
"""

from collections.abc import Callable
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from benchmarks.harness.errors import unknown

# of one row per arm, with the score as column "score"
GridStatistic = Callable[[pd.DataFrame], float]


def best(arms: pd.DataFrame) -> float:
    """The lowest score."""
    return float(arms["score"].min())


def best_lam(arms: pd.DataFrame) -> float:
    """The lambda with the lowest score; none where all have diverged."""
    if np.isinf(best(arms)):
        return np.nan
    return float(arms["lam"].iloc[int(arms["score"].argmin())])


def spread(arms: pd.DataFrame) -> float:
    """Between the highest and the lowest score; none where all have diverged."""
    if np.isinf(best(arms)):
        return np.nan
    return float(arms["score"].max() - best(arms))


def slope(arms: pd.DataFrame) -> float:
    """Of the best lambda against the number of pixels, both as logarithms (claim C22)."""
    sides, lams = _best_by_side(arms)
    if np.isnan(lams).any():
        return np.nan
    return float(np.polyfit(2 * np.log(sides), np.log(lams), 1)[0])


def grows(arms: pd.DataFrame) -> float:
    """1 if the best lambda rises with every size of the images, else 0 (claim C22)."""
    steps = np.diff(_best_by_side(arms)[1])
    return np.nan if np.isnan(steps).any() else float((steps > 0).all())


def enough_grows(arms: pd.DataFrame) -> float:
    """1 if the smallest lambda that is enough never falls as the dimension grows (claim C12).

    Enough for a score at most a tenth above the best of the smallest dimension. Undecided where
    that one diverged, or where no lambda is enough at two dimensions.
    """
    enough = 1.1 * best(arms[arms["dim"] == arms["dim"].min()])
    if np.isinf(enough):
        return np.nan
    lams = [float(of_dim["lam"].where(of_dim["score"] <= enough, np.inf).min())
            for _, of_dim in arms.groupby("dim")]
    return np.nan if lams.count(np.inf) > 1 else float(sorted(lams) == lams)


def _best_by_side(arms: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The sizes, and the best lambda at each."""
    sides = np.unique(arms["image_size"].to_numpy(float))
    return sides, np.array([best_lam(arms[arms["image_size"] == side]) for side in sides])


GRID_STATISTICS: dict[str, GridStatistic] = {
    "best": best, "best_lam": best_lam, "range": spread, "slope": slope, "grows": grows,
    "enough_grows": enough_grows}


def of_grid(rows: pd.DataFrame, pattern: str, name: str) -> pd.Series:
    """The statistic by seed; nothing for a seed of which a run is missing or was not scored.

    A diverged run is as bad as can be; where that leaves no number, NaN.
    """
    kind, _, score = name.partition(":")
    if kind not in GRID_STATISTICS:
        raise unknown("statistic of a grid", kind, GRID_STATISTICS)
    if score not in rows or rows[score].isna().all():
        return pd.Series(dtype=float)
    rows = rows[rows["panel"].str.split("+").map(
        lambda panels: any(fnmatchcase(panel, pattern) for panel in panels))]
    last = rows.groupby(["arm", "seed"], sort=False).tail(1)
    last = last.assign(score=last[score].where(last["status"] != "diverged", np.inf))
    found = {seed: GRID_STATISTICS[kind](arms) for seed, arms in last.groupby("seed")
             if arms["score"].notna().all()}
    return pd.Series(found, dtype=float).replace(np.inf, np.nan)
