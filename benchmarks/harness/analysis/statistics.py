"""The statistics that claims are judged by: each is one number of a run's rows."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.harness.errors import unknown

# of a run's rows; None where it was not measured
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
    """As arrays: of a thousand short curves, pandas' own arithmetic would take seconds."""
    return [curve[name].to_numpy(float) for name in names]


TREND_POINTS = 6  # of fewer, chance alone makes a perfect order too often


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
    """What was measured of the final model."""
    return lambda curve: _first(curve.tail(1).get(column))


def log_test_reconstruction(curve: pd.DataFrame) -> float | None:
    """Its natural logarithm, so that a difference is a ratio (claim C19)."""
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
        "fid", "fd_cifar10", "swd_image_std", "sv_cv", "effective_rank")},
}


def statistic(name: str) -> Statistic:
    """By name; raises UsageError for one that there is not."""
    if name not in STATISTICS:
        raise unknown("statistic", name, STATISTICS)
    return STATISTICS[name]
