"""Statistics that claims are judged by: one number per run, or one per grid of runs."""

from collections.abc import Callable
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from benchmarks.harness.errors import unknown

# a run's rows -> its value; None where it was not measured
Statistic = Callable[[pd.DataFrame], float | None]


def auc_log_swd(curve: pd.DataFrame) -> float:
    """Mean over the epochs (trapezoid) of log(swd2_root / floor): 0 is the floor (claim C1)."""
    epoch, reached, floor = _columns(curve, "epoch", "swd2_root", "floor_root")
    return float(np.trapezoid(np.log(reached / floor), epoch) / np.ptp(epoch))


def final_swd(curve: pd.DataFrame) -> float:
    """swd2_root after the last epoch."""
    return float(curve["swd2_root"].iloc[-1])


def epochs_to_twice_floor(curve: pd.DataFrame) -> float:
    """First epoch with swd2_root <= 2 floor, or one more than the last if there is none."""
    epoch, reached, floor = _columns(curve, "epoch", "swd2_root", "floor_root")
    close = epoch[reached <= 2 * floor]
    return float(close.min() if len(close) else epoch[-1] + 1)


def _columns(curve: pd.DataFrame, *names: str) -> list[np.ndarray]:
    """The columns as arrays: on a thousand short curves pandas' arithmetic would take seconds."""
    return [curve[name].to_numpy(float) for name in names]


TREND_POINTS = 6  # with fewer, chance alone gives a perfect order too often


def distance_at_5(curve: pd.DataFrame) -> float | None:
    """swd_image_std after five epochs (claim C6)."""
    return _first(curve.loc[curve["epoch"] == 5].get("swd_image_std"))


def distance_trend(curve: pd.DataFrame) -> float | None:
    """Spearman's correlation of swd_image_std with the epoch (claim C4)."""
    from scipy.stats import spearmanr  # takes most of a second to import
    if "swd_image_std" not in curve:
        return None
    taken = curve.dropna(subset="swd_image_std")
    if len(taken) < TREND_POINTS:
        return np.nan
    return float(spearmanr(taken["epoch"], taken["swd_image_std"]).statistic)


def _first(column: pd.Series | None) -> float | None:
    """The first number of a column that may be absent or empty."""
    found = [] if column is None else column.dropna().to_list()
    return float(found[0]) if found else None


def _final(column: str) -> Statistic:
    """The statistic that reads a column of the final model's row."""
    return lambda curve: _first(curve.tail(1).get(column))


def log_test_reconstruction(curve: pd.DataFrame) -> float | None:
    """Natural logarithm of the test error, so that a difference is a ratio (claim C19)."""
    error = _first(curve.tail(1).get("test_reconstruction"))
    return None if error is None else float(np.log(error))


def latent_mismatch(curve: pd.DataFrame) -> float | None:
    """Latent SWD of test codes over that of prior draws, which depends on the prior (claim C30)."""
    reached, floor = (_first(curve.tail(1).get(name))
                      for name in ("test_swd2_root", "test_floor_root"))
    return None if reached is None or floor is None else reached / floor


STATISTICS: dict[str, Statistic] = {
    "auc_log_swd": auc_log_swd,
    "final_swd": final_swd,
    "epochs_to_twice_floor": epochs_to_twice_floor,
    "distance_at_5": distance_at_5,
    "distance_trend": distance_trend,
    "log_test_reconstruction": log_test_reconstruction,
    "latent_mismatch": latent_mismatch,
    **{column: _final(column) for column in (
        "knn10_accuracy", "nmi", "parameters", "train_reconstruction", "test_reconstruction",
        "fid", "fd_cifar10", "swd_image_std", "sv_cv", "effective_rank")}}


def statistic(name: str) -> Statistic:
    """The statistic of that name; raises UsageError for an unknown one."""
    if name not in STATISTICS:
        raise unknown("statistic", name, STATISTICS)
    return STATISTICS[name]


# one row per arm, with the score as column "score" -> a number
GridStatistic = Callable[[pd.DataFrame], float]


def best(arms: pd.DataFrame) -> float:
    """The lowest score."""
    return float(arms["score"].min())


def best_lam(arms: pd.DataFrame) -> float:
    """The lambda with the lowest score; NaN where all runs diverged."""
    if np.isinf(best(arms)):
        return np.nan
    return float(arms["lam"].iloc[int(arms["score"].argmin())])


def spread(arms: pd.DataFrame) -> float:
    """Highest minus lowest score; NaN where all runs diverged."""
    if np.isinf(best(arms)):
        return np.nan
    return float(arms["score"].max() - best(arms))


def slope(arms: pd.DataFrame) -> float:
    """Slope of log(best lambda) against log(number of pixels) (claim C22)."""
    sides, lams = _best_by_side(arms)
    if np.isnan(lams).any():
        return np.nan
    return float(np.polyfit(2 * np.log(sides), np.log(lams), 1)[0])


def grows(arms: pd.DataFrame) -> float:
    """1 if the best lambda rises with every step in image size, else 0 (claim C22)."""
    steps = np.diff(_best_by_side(arms)[1])
    return np.nan if np.isnan(steps).any() else float((steps > 0).all())


def enough_grows(arms: pd.DataFrame) -> float:
    """1 if the smallest lambda that is enough never falls as the dimension grows (claim C12).

    Enough: the score is at most a tenth above the best one of the smallest dimension. NaN if that
    one diverged, or if no lambda is enough at two or more dimensions."""
    enough = 1.1 * best(arms[arms["dim"] == arms["dim"].min()])
    if np.isinf(enough):
        return np.nan
    lams = [float(of_dim["lam"].where(of_dim["score"] <= enough, np.inf).min())
            for _, of_dim in arms.groupby("dim")]
    return np.nan if lams.count(np.inf) > 1 else float(sorted(lams) == lams)


def _best_by_side(arms: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Image sizes, and the best lambda at each."""
    sides = np.unique(arms["image_size"].to_numpy(float))
    return sides, np.array([best_lam(arms[arms["image_size"] == side]) for side in sides])


GRID_STATISTICS: dict[str, GridStatistic] = {
    "best": best, "best_lam": best_lam, "range": spread, "slope": slope, "grows": grows,
    "enough_grows": enough_grows}


def of_grid(rows: pd.DataFrame, pattern: str, name: str) -> pd.Series:
    """A grid statistic such as "best_lam:fid" per seed; no entry for a seed that lacks a score.

    `pattern` names a panel, or several with "*". A diverged run has the worst possible score; where
    that leaves no finite value the entry is NaN. Raises UsageError for an unknown statistic."""
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
