"""Whether a statistic falls or rises along a grid of arms, with another one, or is in bounds."""

from itertools import permutations

import numpy as np
import pandas as pd

from benchmarks.harness.analysis.comparisons import Comparison, Scores
from benchmarks.harness.analysis.tables import LEVEL, t_interval

EXACT_UP_TO = 8  # arms: their orders can all be tried


def trend(
    scores: Scores, arms: tuple[str, ...], statistic: str, direction: str, at_least: float
) -> Comparison:
    """Mean over seeds of Spearman's correlation with the arms' order, judged by Page's test."""
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
        verdict = _verdict(whole, direction)
    name = f"{direction} along {', '.join(arms)}"
    return Comparison(name, statistic, estimate, none, none, spread, len(whole), verdict)


def tracking(
    scores: Scores, arms: tuple[str, ...], statistic: str, other: str
) -> Comparison:
    """Spearman's correlation of two statistics over the arms' means, tested against none at all."""
    from scipy.stats import spearmanr
    pairs = [(scores.of(arm, statistic), scores.of(arm, other)) for arm in arms]
    named, none = f"{statistic} with {other} over {len(arms)} arms", float("nan")
    if not all(len(one) and len(two) for one, two in pairs):
        return Comparison(named, statistic, none, none, none, none, 0, "not run")
    if any(series.isna().any() for pair in pairs for series in pair):
        return Comparison(named, statistic, none, none, none, none, 0, "inconclusive")
    # what is one run under two names counts once
    points = np.array(sorted({(two.mean(), one.mean()) for one, two in pairs}))
    found = spearmanr(points)
    table = points[:, 1][None]
    p = ((p_rising(table), p_rising(-table)) if len(points) <= EXACT_UP_TO
         else (spearmanr(points, alternative=side).pvalue for side in ("greater", "less")))
    rises, falls = (value <= 1 - LEVEL for value in p)
    verdict = "reproduced" if rises else "contradicted" if falls else "inconclusive"
    return Comparison(named, statistic, float(found.statistic), none, none, none, len(points),
                      verdict)


def _verdict(table: np.ndarray, direction: str) -> str:
    p = {"rises": p_rising(table), "falls": p_rising(-table)}
    if p[direction] <= 1 - LEVEL:
        return "reproduced"
    return "contradicted" if min(p.values()) <= 1 - LEVEL else "inconclusive"


def p_rising(table: np.ndarray) -> float:
    """Page's test that the columns rise, a row being a seed; one row is tried in all orders."""
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
    """Whether the statistic's mean, with its interval, lies between the bounds."""
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
