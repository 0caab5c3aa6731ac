"""Tests that decide claims: paired differences over seeds, trends along a grid, ranges."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import pandas as pd

from benchmarks.harness.analysis.statistics import of_grid
from benchmarks.harness.analysis.statistics import statistic as named_statistic
from benchmarks.harness.analysis.tables import LEVEL, t_interval
from benchmarks.harness.spec.run import SETTLED


@dataclass(frozen=True)
class Comparison:
    """A test's estimate with its interval, and the verdict on it."""

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
        """The comparison of a claim that cannot be tested here."""
        nan = float("nan")
        return Comparison(reason, "", nan, nan, nan, nan, 0, "not testable here")


# (estimate, low, high, noise) of paired differences -> verdict
Rule = Callable[[float, float, float, float], str]


def below(at_least: float, estimate: float, low: float, high: float, noise: float) -> str:
    """Verdict on "first < second": beyond the interval, both arms' spread and a floor."""
    if abs(estimate) <= max(noise, at_least) or low <= 0 <= high:
        return "inconclusive"
    return "reproduced" if estimate < 0 else "contradicted"


def within(
    margin: float, or_noise: bool, estimate: float, low: float, high: float, noise: float
) -> str:
    """Verdict on "|difference| <= margin": the whole interval within it, or outside it."""
    margin = max(margin, noise) if or_noise else margin
    if -margin <= low and high <= margin:
        return "reproduced"
    return "contradicted" if high < -margin or low > margin else "inconclusive"


def values(rows: pd.DataFrame, arm: str, statistic: str) -> pd.Series:
    """The statistic per seed; NaN for a diverged run, no entry where it was not measured.

    A grid statistic ("best:fid") takes a panel instead of an arm; see `statistics.of_grid`."""
    if ":" in statistic:
        return of_grid(rows, arm, statistic)
    of = named_statistic(statistic)
    runs = rows[(rows["arm"] == arm) & rows["status"].isin(SETTLED)]
    diverged = set(runs.loc[runs["status"] == "diverged", "seed"])
    found = {seed: np.nan if seed in diverged else of(curve)
             for seed, curve in runs.groupby("seed")}
    return pd.Series({seed: value for seed, value in found.items() if value is not None},
                     dtype=float)


class Scores:
    """Statistics of an artefact's arms; each is computed once, for all claims that use it."""

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
    """Applies the rule to the paired differences first - second.

    Inconclusive with fewer than two pairs, or with a diverged run on either side."""
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
    """The comparison, decided if one arm alone diverges: a sign test over the seeds at 5 %."""
    one, other = scores.of(first, part.statistic), scores.of(second, part.statistic)
    both = one.index.intersection(other.index)
    one, other = one.loc[both].isna(), other.loc[both].isna()
    worse, better = int((other & ~one).sum()), int((one & ~other).sum())
    if min(worse, better) > 0 or 0.5 ** max(worse, better) > 1 - LEVEL:
        return part
    return replace(part, name=f"{part.name}: one alone diverges in {max(worse, better)} seeds",
                   verdict="reproduced" if worse else "contradicted")


def combined(parts: list[Comparison], quantifier: str, far: Callable[[float], float]) -> Comparison:
    """The deciding part: the least favourable one for "all", the most favourable one for "any".

    `far` maps an estimate to its distance from the claim."""
    # an arm that was not run leaves "all" open, and "any" too unless another arm has shown it
    order, sign = (("not run", "contradicted", "inconclusive", "reproduced"), -1)
    if quantifier == "any":
        order, sign = (("reproduced", "not run", "inconclusive", "contradicted"), 1)
    first = min(order.index(part.verdict) for part in parts)
    return min((part for part in parts if part.verdict == order[first]),
               key=lambda part: sign * far(part.estimate))


EXACT_UP_TO = 8  # arms whose orders can all be enumerated


def trend(
    scores: Scores, arms: tuple[str, ...], statistic: str, direction: str, at_least: float
) -> Comparison:
    """Mean over seeds of Spearman's correlation with the order of the arms, by Page's test."""
    from scipy.stats import spearmanr  # takes most of a second to import
    columns = [scores.of(arm, statistic) for arm in arms]
    table = pd.concat(columns, axis=1, keys=arms)
    whole = table.dropna().to_numpy()
    rhos = [float(spearmanr(range(len(arms)), row).statistic) if np.ptp(row) else 0.0
            for row in whole]
    none = float("nan")  # no interval: a mean of rank correlations has no t distribution
    estimate = float(np.mean(rhos)) if rhos else none
    spread = float(table.std(ddof=1).iloc[[0, -1]].max())
    step = abs(float(table.iloc[:, -1].mean() - table.iloc[:, 0].mean()))
    verdict = "inconclusive" if all(len(column) for column in columns) else "not run"
    diverged = any(column.isna().any() for column in columns)
    # one seed has no spread; two arms make no trend
    credible = not step <= spread and not step <= at_least
    if len(whole) and len(arms) > 2 and not diverged and credible:
        p = {"rises": p_rising(whole), "falls": p_rising(-whole)}
        if min(p.values()) <= 1 - LEVEL:
            verdict = "reproduced" if p[direction] <= 1 - LEVEL else "contradicted"
    name = f"{direction} along {', '.join(arms)}"
    return Comparison(name, statistic, estimate, none, none, spread, len(whole), verdict)


def tracking(scores: Scores, arms: tuple[str, ...], statistic: str, other: str) -> Comparison:
    """Spearman's correlation of two statistics over the means of the arms, tested against 0."""
    from scipy.stats import spearmanr
    pairs = [(scores.of(arm, statistic), scores.of(arm, other)) for arm in arms]
    named, none = f"{statistic} with {other} over {len(arms)} arms", float("nan")
    if not all(len(one) and len(two) for one, two in pairs):
        return Comparison(named, statistic, none, none, none, none, 0, "not run")
    if any(series.isna().any() for pair in pairs for series in pair):
        return Comparison(named, statistic, none, none, none, none, 0, "inconclusive")
    # one run under two names counts once
    points = np.array(sorted({(two.mean(), one.mean()) for one, two in pairs}))
    found = spearmanr(points)
    table = points[:, 1][None]
    p = ((p_rising(table), p_rising(-table)) if len(points) <= EXACT_UP_TO
         else (spearmanr(points, alternative=side).pvalue for side in ("greater", "less")))
    rises, falls = (value <= 1 - LEVEL for value in p)
    verdict = "reproduced" if rises else "contradicted" if falls else "inconclusive"
    return Comparison(named, statistic, float(found.statistic), none, none, none, len(points),
                      verdict)


def p_rising(table: np.ndarray) -> float:
    """P-value of Page's test that the columns rise, one row per seed; exact for one row."""
    from scipy.stats import page_trend_test, rankdata
    if len(table) > 1:
        return float(page_trend_test(table).pvalue)
    order = np.arange(table.shape[1])
    ranks = rankdata(table[0])
    chance = [np.dot(order, other) for other in permutations(ranks)]
    return float(np.mean(np.array(chance) >= np.dot(order, ranks) - 1e-9))


def in_range(
    scores: Scores, arm: str, bottom: float, top: float, statistic: str, from_one_seed: bool
) -> Comparison:
    """Verdict on "the mean lies in [bottom, top]", by its whole interval."""
    found = scores.of(arm, statistic)
    estimate, low, high = t_interval(found.dropna().to_list())
    verdict = "inconclusive" if len(found) else "not run"
    ends = (estimate, estimate) if len(found) == 1 and from_one_seed else (low, high)
    if len(found) and not found.isna().any():
        if bottom <= ends[0] and ends[1] <= top:
            verdict = "reproduced"
        elif ends[1] < bottom or ends[0] > top:
            verdict = "contradicted"
    return Comparison(f"{arm} in [{bottom:g}, {top:g}]", statistic, estimate, low, high,
                      float(found.std(ddof=1)), len(found.dropna()), verdict)
