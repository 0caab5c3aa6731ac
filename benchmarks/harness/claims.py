"""From the rows of an artefact to a verdict per claim."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from benchmarks.harness.errors import unknown
from benchmarks.harness.intervals import LEVEL, t_interval
from benchmarks.harness.spec import Claim


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


STATISTICS: dict[str, Callable[[pd.DataFrame], float]] = {
    "auc_log_swd": auc_log_swd,
    "final_swd": final_swd,
    "epochs_to_twice_floor": epochs_to_twice_floor,
}


@dataclass(frozen=True)
class Comparison:
    """Paired differences lower - higher over seeds, their interval, and what they say."""

    name: str
    statistic: str
    estimate: float
    low: float
    high: float
    noise: float  # the larger of the two arms' standard deviations over seeds
    n: int
    verdict: str


def values(rows: pd.DataFrame, arm: str, statistic: str) -> pd.Series:
    """The statistic by seed; NaN for a diverged run, nothing for one that has no outcome."""
    if statistic not in STATISTICS:
        raise unknown("statistic", statistic, STATISTICS)
    runs = rows[(rows["arm"] == arm) & rows["status"].isin(["done", "diverged"])]
    return pd.Series({
        seed: STATISTICS[statistic](curve) if (curve["status"] == "done").all() else np.nan
        for seed, curve in runs.groupby("seed")
    }, dtype=float)


def compare(
    rows: pd.DataFrame, lower: str, higher: str, statistic: str, level: float
) -> Comparison:
    """Whether `lower` is below `higher` beyond the interval and beyond either arm's own spread.

    With fewer than two pairs, or a diverged run on either side, nothing is concluded.
    """
    low_arm, high_arm = values(rows, lower, statistic), values(rows, higher, statistic)
    pairs = (low_arm - high_arm).loc[low_arm.index.intersection(high_arm.index)]
    diverged = pairs.isna().any()
    estimate, low, high = t_interval(pairs.dropna().to_list(), level)
    noise = float(max(low_arm.std(ddof=1), high_arm.std(ddof=1)))
    if not len(pairs):
        verdict = "not run"
    elif diverged or len(pairs) < 2 or abs(estimate) <= noise or low <= 0 <= high:
        verdict = "inconclusive"
    else:
        verdict = "reproduced" if estimate < 0 else "contradicted"
    name = f"{lower} - {higher}"
    return Comparison(name, statistic, estimate, low, high, noise, len(pairs.dropna()), verdict)


def combined(parts: list[Comparison], quantifier: str) -> Comparison:
    """The one that decides: the least favourable for "all", the most favourable for "any"."""
    # an arm that was not run leaves "all" open, and "any" too unless another arm has shown it
    order, sign = (("not run", "contradicted", "inconclusive", "reproduced"), -1)
    if quantifier == "any":
        order, sign = (("reproduced", "not run", "inconclusive", "contradicted"), 1)
    first = min(order.index(part.verdict) for part in parts)
    return min((part for part in parts if part.verdict == order[first]),
               key=lambda part: sign * part.estimate)


def judge(rows: pd.DataFrame, claims: Iterable[Claim]) -> pd.DataFrame:
    """claims.csv: per claim its verdict row, then its parts, then what is reported beside it."""
    lines: list[dict[str, object]] = []
    for claim in claims:
        test = claim.test
        pairs = list(product(test.lower, test.higher))
        # looking for any one of several differences must pay for having looked several times
        level = LEVEL if test.quantifier == "all" else 1 - (1 - LEVEL) / len(pairs)
        parts = [compare(rows, low, high, test.statistic, level) for low, high in pairs]
        beside = [compare(rows, low, high, other, LEVEL)
                  for other in test.beside for low, high in pairs]
        lines.append(_line(claim, "verdict", combined(parts, test.quantifier)))
        lines += [_line(claim, "part", part) for part in parts]
        lines += [_line(claim, "beside", part) | {"verdict": None} for part in beside]
    return pd.DataFrame(lines)


def _line(claim: Claim, role: str, part: Comparison) -> dict[str, object]:
    return {
        "claim": claim.id, "role": role, "basis": claim.basis, "comparison": part.name,
        "statistic": part.statistic, "estimate": part.estimate, "low": part.low,
        "high": part.high, "noise": part.noise, "n": part.n, "verdict": part.verdict,
        "place": claim.place, "text": claim.text,
    }
