"""From the rows of an artefact to a verdict per claim."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from benchmarks.harness.errors import unknown
from benchmarks.harness.intervals import LEVEL, t_interval
from benchmarks.harness.spec import Claim, Equivalence
from benchmarks.harness.statistics import STATISTICS


@dataclass(frozen=True)
class Comparison:
    """Paired differences first - second over seeds, their interval, and what they say."""

    name: str
    statistic: str
    estimate: float
    low: float
    high: float
    noise: float  # the larger of the two arms' standard deviations over seeds
    n: int
    verdict: str


# (estimate, low, high, noise) of paired differences -> verdict
Rule = Callable[[float, float, float, float], str]


def below(estimate: float, low: float, high: float, noise: float) -> str:
    """Whether the first is below the second beyond the interval and either arm's own spread."""
    if abs(estimate) <= noise or low <= 0 <= high:
        return "inconclusive"
    return "reproduced" if estimate < 0 else "contradicted"


def within(margin: float, estimate: float, low: float, high: float, noise: float) -> str:
    """Whether the whole interval lies within +-margin, or outside it."""
    if -margin <= low and high <= margin:
        return "reproduced"
    return "contradicted" if high < -margin or low > margin else "inconclusive"


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
    rows: pd.DataFrame, first: str, second: str, statistic: str, level: float, rule: Rule
) -> Comparison:
    """What the rule says of the two arms' paired differences.

    With fewer than two pairs, or a diverged run on either side, nothing is concluded.
    """
    one, other = values(rows, first, statistic), values(rows, second, statistic)
    pairs = (one - other).loc[one.index.intersection(other.index)]
    estimate, low, high = t_interval(pairs.dropna().to_list(), level)
    noise = float(max(one.std(ddof=1), other.std(ddof=1)))
    verdict = "not run"
    if len(pairs):
        concluded = len(pairs) > 1 and not pairs.isna().any()
        verdict = rule(estimate, low, high, noise) if concluded else "inconclusive"
    name = f"{first} - {second}"
    return Comparison(name, statistic, estimate, low, high, noise, len(pairs.dropna()), verdict)


def combined(parts: list[Comparison], quantifier: str, far: Callable[[float], float]) -> Comparison:
    """The one that decides: the least favourable for "all", the most favourable for "any".

    `far` tells how far from the claim an estimate is.
    """
    # an arm that was not run leaves "all" open, and "any" too unless another arm has shown it
    order, sign = (("not run", "contradicted", "inconclusive", "reproduced"), -1)
    if quantifier == "any":
        order, sign = (("reproduced", "not run", "inconclusive", "contradicted"), 1)
    first = min(order.index(part.verdict) for part in parts)
    return min((part for part in parts if part.verdict == order[first]),
               key=lambda part: sign * far(part.estimate))


def judge(rows: pd.DataFrame, claims: Iterable[Claim]) -> pd.DataFrame:
    """claims.csv: per claim its verdict row, then its parts, then what is reported beside it."""
    return pd.DataFrame([line for claim in claims for line in _judged(rows, claim)])


def _judged(rows: pd.DataFrame, claim: Claim) -> list[dict[str, object]]:
    test = claim.test
    if isinstance(test, Equivalence):
        rule = partial(within, test.margin)
        parts = [compare(rows, test.arm, test.other, statistic, LEVEL, rule)
                 for statistic in test.statistics]
        verdict = combined(parts, "all", abs)
        return [_line(claim, "verdict", verdict), *(_line(claim, "part", part) for part in parts)]
    pairs = list(product(test.lower, test.higher))
    # looking for any one of several differences must pay for having looked several times
    level = LEVEL if test.quantifier == "all" else 1 - (1 - LEVEL) / len(pairs)
    parts = [compare(rows, *pair, test.statistic, level, below) for pair in pairs]
    beside = [compare(rows, *pair, other, LEVEL, below) for other in test.beside for pair in pairs]
    return [
        _line(claim, "verdict", combined(parts, test.quantifier, float)),
        *(_line(claim, "part", part) for part in parts),
        *(_line(claim, "beside", part) | {"verdict": None} for part in beside),
    ]


def _line(claim: Claim, role: str, part: Comparison) -> dict[str, object]:
    return {
        "claim": claim.id, "role": role, "basis": claim.basis, "comparison": part.name,
        "statistic": part.statistic, "estimate": part.estimate, "low": part.low,
        "high": part.high, "noise": part.noise, "n": part.n, "verdict": part.verdict,
        "place": claim.place, "text": claim.text,
    }
