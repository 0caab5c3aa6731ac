"""The statistics that claims are judged by: each is one number of a run's rows."""

from collections.abc import Callable

import numpy as np
import pandas as pd


def auc_log_swd(curve: pd.DataFrame) -> float:
    """Mean over the epochs (trapezoid) of log(swd2_root / floor): 0 is the floor (claim C1)."""
    height = np.log(curve["swd2_root"] / curve["floor_root"])
    return float(np.trapezoid(height, curve["epoch"]) / np.ptp(curve["epoch"]))


def final_swd(curve: pd.DataFrame) -> float:
    """swd2_root after the last epoch."""
    return float(curve["swd2_root"].iloc[-1])


def epochs_to_twice_floor(curve: pd.DataFrame) -> float:
    """First epoch with swd2_root <= 2 floor, or one more than the last if there is none."""
    reached = curve["epoch"][curve["swd2_root"] <= 2 * curve["floor_root"]]
    return float(reached.min() if len(reached) else curve["epoch"].iloc[-1] + 1)


def final(column: str) -> Callable[[pd.DataFrame], float]:
    """What was measured of the final model."""
    return lambda curve: float(curve[column].iloc[-1])


STATISTICS: dict[str, Callable[[pd.DataFrame], float]] = {
    "auc_log_swd": auc_log_swd,
    "final_swd": final_swd,
    "epochs_to_twice_floor": epochs_to_twice_floor,
    "knn10_accuracy": final("knn10_accuracy"),
    "nmi": final("nmi"),
}
