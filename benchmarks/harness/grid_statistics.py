"""Statistics of a whole grid of arms: which one is best, how good it is, how much they differ.

Called such as "best_lam:fid"; in the place of an arm stands a panel, or "*" for all of them.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.harness.errors import unknown

ALL = "*"

# of one row per arm, with the score as column "score"
GridStatistic = Callable[[pd.DataFrame], float]


def best(arms: pd.DataFrame) -> float:
    """The lowest score."""
    return float(arms["score"].min())


def best_lam(arms: pd.DataFrame) -> float:
    """The lambda with the lowest score."""
    return float(arms["lam"].iloc[int(arms["score"].argmin())])


def spread(arms: pd.DataFrame) -> float:
    """Between the highest and the lowest score."""
    return float(np.ptp(arms["score"]))


def slope(arms: pd.DataFrame) -> float:
    """Of the best lambda against the number of pixels, both as logarithms (claim C22)."""
    sides, lams = _best_by_side(arms)
    return float(np.polyfit(2 * np.log(sides), np.log(lams), 1)[0])


def grows(arms: pd.DataFrame) -> float:
    """1 if the best lambda rises with every size of the images, else 0 (claim C22)."""
    return float((np.diff(_best_by_side(arms)[1]) > 0).all())


def _best_by_side(arms: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The sizes, and the best lambda at each."""
    sides = np.unique(arms["image_size"].to_numpy(float))
    return sides, np.array([best_lam(arms[arms["image_size"] == side]) for side in sides])


GRID_STATISTICS: dict[str, GridStatistic] = {
    "best": best, "best_lam": best_lam, "range": spread, "slope": slope, "grows": grows}


def of_grid(rows: pd.DataFrame, panel: str, name: str) -> pd.Series:
    """The statistic by seed; nothing for a seed of which a run is missing or was not scored.

    A diverged run is as bad as can be.
    """
    kind, _, score = name.partition(":")
    if kind not in GRID_STATISTICS:
        raise unknown("statistic of a grid", kind, GRID_STATISTICS)
    if panel != ALL:
        rows = rows[rows["panel"].str.split("+").map(lambda names: panel in names)]
    last = rows.groupby(["arm", "seed"], sort=False).tail(1)
    if score not in last or last[score].isna().all():
        return pd.Series(dtype=float)
    last = last.assign(score=last[score].where(last["status"] != "diverged", np.inf))
    found = {seed: GRID_STATISTICS[kind](arms) for seed, arms in last.groupby("seed")
             if arms["score"].notna().all()}
    return pd.Series(found, dtype=float)
