"""Statistics that claims are judged by: one number per run, or one per grid of runs."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import NamedTuple

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


def _log_final(column: str) -> Statistic:
    """The natural logarithm of `_final`, so that a difference is a ratio (claims C19, C21b)."""
    def read(curve: pd.DataFrame) -> float | None:
        error = _first(curve.tail(1).get(column))
        return None if error is None else float(np.log(error))
    return read


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
    "log_test_reconstruction": _log_final("test_reconstruction"),
    "log_train_reconstruction": _log_final("train_reconstruction"),
    "latent_mismatch": latent_mismatch,
    **{column: _final(column) for column in (
        "knn10_accuracy", "nmi", "parameters", "train_reconstruction", "test_reconstruction",
        "fid", "fd_cifar10", "fd_mnist", "swd_image_std", "sv_cv", "effective_rank")}}


def statistic(name: str) -> Statistic:
    """The statistic of that name; raises UsageError for an unknown one."""
    if name not in STATISTICS:
        raise unknown("statistic", name, STATISTICS)
    return STATISTICS[name]


class Interval(NamedTuple):
    """A number with the ends that the noise of the scores leaves it."""

    value: float
    low: float
    high: float


# one row per arm, with the score as column "score" -> a number
GridStatistic = Callable[[pd.DataFrame], float]
# also told how far a score may lie from what it would be without noise
GridChoice = Callable[[pd.DataFrame, float], Interval]


def best(arms: pd.DataFrame) -> float:
    """The lowest score."""
    return float(arms["score"].min())


def spread(arms: pd.DataFrame) -> float:
    """Highest minus lowest score; NaN where all runs diverged."""
    if np.isinf(best(arms)):
        return np.nan
    return float(arms["score"].max() - best(arms))


def best_lam(arms: pd.DataFrame, reach: float = 0.0) -> Interval:
    """The lambda with the lowest score, and the ends of those not told apart from it.

    NaN where all runs diverged."""
    if np.isinf(best(arms)):
        return Interval(np.nan, np.nan, np.nan)
    near = arms.loc[arms["score"] <= best(arms) + 2**0.5 * reach, "lam"]
    return Interval(float(arms["lam"].iloc[int(arms["score"].argmin())]),
                    float(near.min()), float(near.max()))


def slope(arms: pd.DataFrame, reach: float = 0.0) -> Interval:
    """Slope of log(best lambda) against log(number of pixels), by least squares (claim C22)."""
    sides, lams = _best_by_side(arms, reach)
    pixels = 2 * np.log(sides)
    weights = (pixels - pixels.mean()) / np.square(pixels - pixels.mean()).sum()
    value, low, high = (weights * np.log(lams.T))
    upward = weights > 0
    return Interval(float(value.sum()), float(np.where(upward, low, high).sum()),
                    float(np.where(upward, high, low).sum()))


def grows(arms: pd.DataFrame, reach: float = 0.0) -> Interval:
    """1 if the best lambda rises with every step in image size, else 0 (claim C22)."""
    value, low, high = _best_by_side(arms, reach)[1].T
    if np.isnan(value).any():
        return Interval(np.nan, np.nan, np.nan)
    return Interval(*(float((later > earlier).all()) for earlier, later in (
        (value[:-1], value[1:]), (high[:-1], low[1:]), (low[:-1], high[1:]))))


def enough_grows(arms: pd.DataFrame, reach: float = 0.0) -> Interval:
    """1 if the smallest lambda that is enough is larger at the largest dimension than at the
    smallest, else 0 (claim C12).

    Enough: the score is at most a tenth above the best one of the smallest dimension; where no
    lambda is, more than all of them is needed. NaN if all runs of the smallest dimension
    diverged."""
    ends = arms["dim"].min(), arms["dim"].max()
    enough = 1.1 * best(arms[arms["dim"] == ends[0]])
    if np.isinf(enough):
        return Interval(np.nan, np.nan, np.nan)
    blur = reach * (1 + 1.1**2) ** 0.5
    (first, least_first, most_first), (last, least_last, most_last) = (
        [float(of_dim["lam"].where(of_dim["score"] <= enough + more, np.inf).min())
         for more in (0.0, blur, -blur)] for of_dim in (arms[arms["dim"] == end] for end in ends))
    return Interval(float(last > first), float(least_last > most_first),
                    float(most_last > least_first))


def _best_by_side(arms: pd.DataFrame, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Image sizes, and the best lambda at each with its ends, one row per size."""
    sides = np.unique(arms["image_size"].to_numpy(float))
    return sides, np.array([best_lam(arms[arms["image_size"] == side], reach) for side in sides])


# with the standard error of each, in units of that of one score
GRID_SCORES: dict[str, tuple[GridStatistic, float]] = {"best": (best, 1.0),
                                                       "range": (spread, 2**0.5)}
GRID_CHOICES: dict[str, GridChoice] = {
    "best_lam": best_lam, "slope": slope, "grows": grows, "enough_grows": enough_grows}
GRID_STATISTICS = (*GRID_SCORES, *GRID_CHOICES)


def panel_rows(rows: pd.DataFrame, pattern: str) -> pd.DataFrame:
    """The rows of a panel, or of several with "*"."""
    return rows[rows["panel"].str.split("+").map(
        lambda panels: any(fnmatchcase(panel, pattern) for panel in panels))]


def grid_scores(rows: pd.DataFrame, pattern: str, score: str) -> pd.DataFrame:
    """One row per arm and seed of the panels, with the final score, infinite if it diverged.

    Empty where the score was not measured; a seed that lacks one has no rows."""
    if score not in rows or rows[score].isna().all():
        return pd.DataFrame()
    last = panel_rows(rows, pattern).groupby(["arm", "seed"], sort=False).tail(1)
    last = last.assign(score=last[score].where(last["status"] != "diverged", np.inf))
    return last[last.groupby("seed")["score"].transform("count")
                == last.groupby("seed")["score"].transform("size")]


def of_grid(rows: pd.DataFrame, pattern: str, name: str) -> pd.Series:
    """A grid statistic such as "best_lam:fid" per seed; no entry for a seed that lacks a score.

    `pattern` names a panel, or several with "*". A diverged run has the worst possible score; where
    that leaves no finite value the entry is NaN. Raises UsageError for an unknown statistic."""
    kind, _, score = name.partition(":")
    if kind not in GRID_STATISTICS:
        raise unknown("statistic of a grid", kind, GRID_STATISTICS)
    last = grid_scores(rows, pattern, score)
    found = {seed: (GRID_SCORES[kind][0](arms) if kind in GRID_SCORES
                    else GRID_CHOICES[kind](arms, 0.0).value)
             for seed, arms in (last.groupby("seed") if len(last) else ())}
    return pd.Series(found, dtype=float).replace(np.inf, np.nan)
