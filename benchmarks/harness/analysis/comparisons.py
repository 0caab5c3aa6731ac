"""Paired differences between two arms over seeds, and what they say."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from benchmarks.harness.analysis.grid_statistics import of_grid
from benchmarks.harness.analysis.statistics import statistic as named_statistic
from benchmarks.harness.analysis.tables import LEVEL, t_interval


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

    @staticmethod
    def none(reason: str) -> "Comparison":
        """Of a claim that has no test here."""
        nan = float("nan")
        return Comparison(reason, "", nan, nan, nan, nan, 0, "not testable here")


# (estimate, low, high, noise) of paired differences -> verdict
Rule = Callable[[float, float, float, float], str]


def below(at_least: float, estimate: float, low: float, high: float, noise: float) -> str:
    """Whether the first is the lower one, beyond its interval, either arm's spread and a floor."""
    if abs(estimate) <= max(noise, at_least) or low <= 0 <= high:
        return "inconclusive"
    return "reproduced" if estimate < 0 else "contradicted"


def within(
    margin: float, or_noise: bool, estimate: float, low: float, high: float, noise: float
) -> str:
    """Whether the whole interval lies within +-margin, or outside it."""
    margin = max(margin, noise) if or_noise else margin
    if -margin <= low and high <= margin:
        return "reproduced"
    return "contradicted" if high < -margin or low > margin else "inconclusive"


def values(rows: pd.DataFrame, arm: str, statistic: str) -> pd.Series:
    """The statistic by seed; NaN for a diverged run, nothing where it was not measured.

    A statistic of a grid takes a panel in the place of an arm; see `grid_statistics`.
    """
    if ":" in statistic:
        return of_grid(rows, arm, statistic)
    of = named_statistic(statistic)
    runs = rows[(rows["arm"] == arm) & rows["status"].isin(["done", "diverged"])]
    diverged = set(runs.loc[runs["status"] == "diverged", "seed"])
    found = {seed: np.nan if seed in diverged else of(curve)
             for seed, curve in runs.groupby("seed")}
    return pd.Series({seed: value for seed, value in found.items() if value is not None},
                     dtype=float)


class Scores:
    """The statistics of an artefact's arms, each computed once however many claims it is for."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows
        self._known: dict[tuple[str, str], pd.Series] = {}

    def of(self, arm: str, statistic: str) -> pd.Series:
        """See `values`."""
        if (arm, statistic) not in self._known:
            self._known[arm, statistic] = values(self.rows, arm, statistic)
        return self._known[arm, statistic]


def compare(
    scores: Scores, first: str, second: str, statistic: str, level: float, rule: Rule
) -> Comparison:
    """What the rule says of the two arms' paired differences.

    With fewer than two pairs, or a diverged run on either side, nothing is concluded.
    """
    one, other = scores.of(first, statistic), scores.of(second, statistic)
    pairs = (one - other).loc[one.index.intersection(other.index)]
    estimate, low, high = t_interval(pairs.dropna().to_list(), level)
    noise = float(max(one.std(ddof=1), other.std(ddof=1)))
    verdict = "not run"
    if len(pairs):
        concluded = len(pairs) > 1 and not pairs.isna().any()
        verdict = rule(estimate, low, high, noise) if concluded else "inconclusive"
    name = f"{first} - {second}"
    return Comparison(name, statistic, estimate, low, high, noise, len(pairs.dropna()), verdict)


def or_diverges(scores: Scores, part: Comparison, first: str, second: str) -> Comparison:
    """The comparison, decided where one arm alone diverges: a sign test over the seeds, at 5 %."""
    one, other = scores.of(first, part.statistic), scores.of(second, part.statistic)
    both = one.index.intersection(other.index)
    one, other = one.loc[both].isna(), other.loc[both].isna()
    worse, better = int((other & ~one).sum()), int((one & ~other).sum())
    if min(worse, better) > 0 or 0.5 ** max(worse, better) > 1 - LEVEL:
        return part
    return replace(part, name=f"{part.name}: one alone diverges in {max(worse, better)} seeds",
                   verdict="reproduced" if worse else "contradicted")


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
