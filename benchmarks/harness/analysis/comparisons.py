"""Tests that decide claims: paired differences over seeds, trends along a grid, ranges."""

from dataclasses import replace
from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd
from scipy.special import stdtrit  # scipy.stats takes most of a second to import

from benchmarks.harness.analysis.estimates import NAN, Comparison, Estimate, Region, below
from benchmarks.harness.analysis.scores import Scores, Spread
from benchmarks.harness.analysis.statistics import GRID_CHOICES, GRID_SCORES, Interval
from benchmarks.harness.analysis.tables import LEVEL


def compare(
    scores: Scores, first: str, second: str, statistic: str, region: Region
) -> Comparison:
    """Judges the paired differences first - second; inconclusive with a diverged run."""
    name = f"{first} - {second}"
    one, other = scores.of(first, statistic), scores.of(second, statistic)
    seeds = one.index.intersection(other.index)
    if not len(seeds):
        lacking = dict.fromkeys(scores.lacking(arm, statistic) for arm, found in
                                ((first, one), (second, other)) if not len(found))
        return Comparison.none("not run", ", ".join(lacking) or "they share no seed", name,
                               statistic)
    if ":" in statistic:
        return _compare_grids(scores, first, second, statistic, region)
    pairs = (one - other).loc[seeds]
    found = _difference(scores, (first, second), statistic, pairs.dropna(),
                        (one.loc[seeds].dropna(), other.loc[seeds].dropna()))
    undefined = [scores.undefined(arm, statistic) for arm, each in ((first, one), (second, other))
                 if each.loc[seeds].isna().any()]
    return _if_defined(region.judged(name, statistic, found), found, undefined)


def _if_defined(judged: Comparison, found: Estimate, undefined: list[str]) -> Comparison:
    """The comparison, without a verdict if runs diverged or nothing tells the noise."""
    if undefined:
        return replace(judged, verdict="inconclusive", supports=NAN, opposes=NAN,
                       reason=", ".join(undefined))
    if np.isnan(found.error):
        return replace(judged, verdict="not testable here", supports=NAN, opposes=NAN,
                       reason=f"{found.n} seed, and no replicates that tell its noise; --seeds 3")
    return judged


def _difference(
    scores: Scores, arms: tuple[str, str], statistic: str, pairs: pd.Series,
    each: tuple[pd.Series, pd.Series],
) -> Estimate:
    """The mean of the pairs, with the error that their number allows.

    Three seeds: the paired t test. Two: both arms' own spreads, by Welch. One: the spread of
    replicates, see `Scores.spread`."""
    n, mean = len(pairs), float(pairs.mean())
    noise = float(max(one.std(ddof=1) for one in each))
    if n > 2:
        return Estimate(mean, float(pairs.std(ddof=1)) / n**0.5, n - 1, noise, n)
    if n == 2:
        own = [Spread(float(one.std(ddof=1)), 1, arm) for arm, one in zip(arms, each, strict=True)]
        return Estimate(mean, *_welch(own, n), noise, n)
    lent = [scores.spread(arm, statistic) for arm in arms]
    if not n or None in lent:
        return Estimate(mean, NAN, NAN, NAN, n)
    known = [spread for spread in lent if spread]
    whose = " and ".join(dict.fromkeys(spread.whose for spread in known))
    return Estimate(mean, *_welch(known, n), max(spread.sd for spread in known), n, whose)


def _welch(spreads: list[Spread], n: int) -> tuple[float, float]:
    """Standard error of a difference of means over n seeds, and its degrees of freedom.

    Two spreads of one origin are one estimate."""
    origins: dict[str, tuple[float, float]] = {}
    for spread in spreads:
        before, _ = origins.get(spread.whose, (0.0, 0.0))
        origins[spread.whose] = before + spread.sd**2 / n, spread.df
    total = sum(variance for variance, _ in origins.values())
    unknown = sum(variance**2 / df for variance, df in origins.values())
    return total**0.5, total**2 / unknown if unknown else np.inf


def grid_estimate(scores: Scores, panel: str, statistic: str) -> tuple[Estimate, Interval]:
    """The statistic of the panel's mean scores, with its error or the ends of its choice.

    One of them is NaN, and both if nothing tells the noise."""
    kind, _, score = statistic.partition(":")
    arms, n = scores.grid(panel, score)
    spread = scores.spread(panel, statistic)
    sd, df, whose = (spread.sd / n**0.5, spread.df, spread.whose) if spread else (NAN, NAN, "")
    noise = spread.sd if spread else NAN
    if kind in GRID_SCORES:
        of, factor = GRID_SCORES[kind]
        return (Estimate(of(arms), factor * sd, df, noise, n, whose), Interval(NAN, NAN, NAN))
    grids = arms.groupby([name for name in ("panel", "dim", "image_size") if name in arms],
                         dropna=False).ngroups
    quantile = stdtrit(df, 1 - (1 - LEVEL) / max(len(arms) - grids, 1))  # over all that may win
    ends = GRID_CHOICES[kind](arms, float(quantile) * sd)
    return Estimate(ends.value, NAN, df, noise, n, whose), ends


def _compare_grids(
    scores: Scores, first: str, second: str, statistic: str, region: Region
) -> Comparison:
    """Judges the difference of a statistic of two panels."""
    (one, ends), (other, others) = (grid_estimate(scores, panel, statistic)
                                    for panel in (first, second))
    name = f"{first} - {second}"
    error, df = _welch([Spread(each.error, each.df, each.whose) for each in (one, other)], 1)
    found = Estimate(one.mean - other.mean, error, df, max(one.noise, other.noise),
                     min(one.n, other.n), " and ".join(dict.fromkeys((one.whose, other.whose))))
    undefined = [scores.undefined(panel, statistic) for panel, each in
                 ((first, one), (second, other)) if not np.isfinite(each.mean)]
    if statistic.partition(":")[0] in GRID_SCORES:
        return _if_defined(region.judged(name, statistic, found), found, undefined)
    between = Interval(found.mean, ends.low - others.high, ends.high - others.low)
    return _by_ends(name, statistic, found, between, region, undefined)


def _by_ends(
    name: str, statistic: str, found: Estimate, ends: Interval, region: Region,
    undefined: list[str],
) -> Comparison:
    """Judges a choice by the ends that the noise leaves it."""
    within = region.low <= ends.low and ends.high <= region.high
    outside = ends.high < region.low or ends.low > region.high
    if region.floor is not None:  # an ordering: strictly on one side
        within, outside = ends.high < region.high, ends.low >= region.high
    verdict = "reproduced" if within else "contradicted" if outside else "inconclusive"
    reasons = ["scores too near to tell the best from the next"] * (verdict == "inconclusive")
    reason = "; ".join([*reasons, f"noise by {found.whose}"])
    judged = Comparison(name, statistic, ends.value, ends.low, ends.high, found.noise, found.n,
                        verdict, reason, float(not within), float(not outside))
    return _if_defined(judged, found._replace(error=found.noise), undefined)


def or_diverges(scores: Scores, part: Comparison, first: str, second: str) -> Comparison:
    """The comparison, decided if one arm alone diverges: a sign test over the seeds at 5 %."""
    one, other = scores.of(first, part.statistic), scores.of(second, part.statistic)
    both = one.index.intersection(other.index)
    one, other = one.loc[both].isna(), other.loc[both].isna()
    worse, better = int((other & ~one).sum()), int((one & ~other).sum())
    p = 0.5 ** max(worse, better)
    if min(worse, better) > 0 or p > 1 - LEVEL:
        return part
    return replace(part, name=f"{part.name}: one alone diverges in {max(worse, better)} seeds",
                   verdict="reproduced" if worse else "contradicted",
                   supports=0.0 if worse else 1.0, opposes=1.0 if worse else 0.0)


EXACT_UP_TO = 8  # arms whose orders can all be enumerated


def trend(
    scores: Scores, arms: tuple[str, ...], statistic: str, direction: str, at_least: float
) -> Comparison:
    """Mean over seeds of Spearman's correlation with the order of the arms, by Page's test."""
    from scipy.stats import spearmanr  # takes most of a second to import
    columns = [scores.of(arm, statistic) for arm in arms]
    name = f"{direction} along {', '.join(arms)}"
    if lacking := [scores.lacking(arm, statistic) for arm, column in zip(arms, columns, strict=True)
                   if not len(column)]:
        return Comparison.none("not run", ", ".join(dict.fromkeys(lacking)), name, statistic)
    table = pd.concat(columns, axis=1, keys=arms)
    whole = table.dropna().to_numpy()
    if len(whole) and (len(arms) < 3 or factorial(len(arms)) ** -len(whole) > 1 - LEVEL):
        ends = (arms[-1], arms[0]) if direction == "falls" else (arms[0], arms[-1])
        return compare(scores, *ends, statistic, below(at_least))
    rhos = [float(spearmanr(range(len(arms)), row).statistic) if np.ptp(row) else 0.0
            for row in whole]
    spread = float(table.std(ddof=1).iloc[[0, -1]].max())
    step = abs(float(table.iloc[:, -1].mean() - table.iloc[:, 0].mean()))
    undefined = [scores.undefined(arm, statistic) for arm, column in
                 zip(arms, columns, strict=True) if column.isna().any()]
    verdict, reason = "inconclusive", ", ".join(undefined)
    if not undefined and (step <= spread or step <= at_least):  # one seed has no spread
        reason = "first and last differ by no more than " + (
            f"the floor of {at_least:g}" if step <= at_least else "the spread over seeds")
    elif not undefined and not len(whole):
        reason = "they share no seed"
    elif not undefined:
        p = {"rises": p_rising(whole), "falls": p_rising(-whole)}
        if min(p.values()) <= 1 - LEVEL:
            verdict = "reproduced" if p[direction] <= 1 - LEVEL else "contradicted"
        else:
            reason = f"p = {p[direction]:.2g}"
    # no interval: a mean of rank correlations has no t distribution
    return Comparison(name, statistic, float(np.mean(rhos)) if rhos else NAN, NAN, NAN, spread,
                      len(whole), verdict, reason)


def tracking(
    scores: Scores, arms: tuple[str, ...], statistic: str, others: tuple[str, ...]
) -> Comparison:
    """Spearman's correlation over the means of the arms of a statistic with the sum of the ranks
    of others, tested against 0."""
    from scipy.stats import rankdata, spearmanr
    name = f"{statistic} with {' + '.join(others)} over {len(arms)} arms"
    columns = {(arm, one): scores.of(arm, one) for arm in arms for one in (statistic, *others)}
    if lacking := [scores.lacking(*key) for key, found in columns.items() if not len(found)]:
        return Comparison.none("not run", ", ".join(dict.fromkeys(lacking[:3])), name, statistic)
    if any(series.isna().any() for series in columns.values()):
        undefined = dict.fromkeys(scores.undefined(*key) for key, found in columns.items()
                                  if found.isna().any())
        return Comparison.none("inconclusive", ", ".join(undefined), name, statistic)
    # one run under two names counts once
    points = np.array(sorted({tuple(columns[arm, one].mean() for one in (*others, statistic))
                              for arm in arms}))
    ranks = rankdata(points[:, :-1], axis=0).sum(axis=1)
    if min(np.ptp(ranks), np.ptp(points[:, -1])) == 0:
        return Comparison.none("inconclusive", "all runs have one value", name, statistic)
    found = spearmanr(ranks, points[:, -1])
    p = ([_by_chance(ranks, side * points[:, -1]) for side in (1, -1)]
         if len(points) <= EXACT_UP_TO else
         [spearmanr(ranks, points[:, -1], alternative=side).pvalue
          for side in ("greater", "less")])
    rises, falls = (value <= 1 - LEVEL for value in p)
    verdict = "reproduced" if rises else "contradicted" if falls else "inconclusive"
    return Comparison(name, statistic, float(found.statistic), NAN, NAN, NAN, len(points),
                      verdict, "" if rises or falls else f"p = {p[0]:.2g}")


def p_rising(table: np.ndarray) -> float:
    """P-value of Page's test that the columns rise, one row per seed; exact for one row."""
    from scipy.stats import page_trend_test
    if len(table) > 1:
        return float(page_trend_test(table).pvalue)
    return _by_chance(np.arange(table.shape[1]), table[0])


def _by_chance(order: np.ndarray, values: np.ndarray) -> float:
    """Share of all orders of the values whose ranks agree with `order` as well as theirs do."""
    from scipy.stats import rankdata
    order, ranks = rankdata(order), rankdata(values)
    chance = [np.dot(order, other) for other in permutations(ranks)]
    return float(np.mean(np.array(chance) >= np.dot(order, ranks) - 1e-9))


def in_range(
    scores: Scores, arm: str, region: Region, statistic: str, from_one_seed: bool
) -> Comparison:
    """Judges the mean of an arm, or a statistic of a panel, by its whole interval.

    `from_one_seed`: one value decides, without an interval."""
    found = scores.of(arm, statistic)
    name = f"{arm} in [{region.low:g}, {region.high:g}]"
    if not len(found):
        return Comparison.none("not run", scores.lacking(arm, statistic), name, statistic)
    undefined = [scores.undefined(arm, statistic)] if found.isna().any() else []
    if ":" in statistic:
        estimate, ends = grid_estimate(scores, arm, statistic)
        if statistic.partition(":")[0] in GRID_CHOICES:
            return _by_ends(name, statistic, estimate, ends, region, undefined)
    else:
        estimate = _mean(scores, arm, statistic, found.dropna(), from_one_seed)
    return _if_defined(region.judged(name, statistic, estimate), estimate, undefined)


def _mean(
    scores: Scores, arm: str, statistic: str, found: pd.Series, from_one_seed: bool
) -> Estimate:
    """The mean over seeds; of one seed exact, if it is said to be, or by replicates."""
    n, mean, sd = len(found), float(found.mean()), float(found.std(ddof=1))
    if n > 1:
        return Estimate(mean, sd / n**0.5, n - 1, sd, n)
    if from_one_seed:
        return Estimate(mean, 0.0, np.inf, NAN, n)
    lent = scores.spread(arm, statistic) if n else None
    return Estimate(mean, lent.sd, lent.df, lent.sd, n, lent.whose) if lent else Estimate(
        mean, NAN, NAN, NAN, n)
