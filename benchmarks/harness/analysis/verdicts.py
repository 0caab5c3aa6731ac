"""Verdicts: judges the claims of an artefact by the rows of its runs."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.harness.analysis.comparisons import (
    compare,
    in_range,
    or_diverges,
    tracking,
    trend,
)
from benchmarks.harness.analysis.estimates import (
    Comparison,
    Region,
    below,
    combined,
    corrected,
)
from benchmarks.harness.analysis.scores import Scores, Tables
from benchmarks.harness.spec import claims as kinds
from benchmarks.harness.spec.artefact import Variation

Judged = tuple[Comparison, list[Comparison], list[Comparison]]  # verdict, parts, beside
COLUMNS = ["claim", "role", "basis", "comparison", "statistic", "estimate", "low", "high", "noise",
           "n", "verdict", "place", "text", "reason"]


def judge(
    rows: pd.DataFrame, claims: Iterable[kinds.Claim], others: Tables = dict
) -> pd.DataFrame:
    """The rows of claims.csv: per claim its verdict, its readings, and the parts of each.

    `others`: the runs of other artefacts, which tell the noise of a single seed."""
    scores = Scores(rows, others)
    scale = str(rows["scale"].iloc[0]) if "scale" in rows else "paper"
    lines = [line for claim in claims for line in _lines(scores, claim.at(scale), scale)]
    return pd.DataFrame(lines, columns=COLUMNS)


def _lines(
    scores: Scores, claim: kinds.Claim, scale: str, role: str = "verdict"
) -> list[dict[str, object]]:
    if claim.readings:
        readings = [_lines(scores, one.at(scale), scale, "reading") for one in claim.readings]
        found = {str(of["claim"]): (str(of["verdict"]), str(of["reason"])) for of, *_ in readings}
        shared = Comparison.none(kinds.share(verdict for verdict, _ in found.values()),
                                 kinds.in_words(found))
        return [_line(claim, role, shared), *(line for lines in readings for line in lines)]
    verdict, parts, beside = _judged(scores, claim.test)
    return [_line(claim, role, verdict), *(_line(claim, "part", part) for part in parts),
            *(_line(claim, "beside", part) | {"verdict": None} for part in beside)]


def _judged(scores: Scores, test: kinds.Test) -> Judged:
    match test:
        case kinds.Ordering():
            return _ordering(scores, test)
        case kinds.Equivalence():
            return _equivalence(scores, test)
        case kinds.Trend():
            verdict, *beside = (trend(scores, test.arms, statistic, test.direction, test.at_least)
                                for statistic in (test.statistic, *test.beside))
            return verdict, [], beside
        case kinds.Range():
            parts = [in_range(scores, arm, Region(low, high), test.statistic, test.from_one_seed)
                     for arm, low, high in test.bounds]
            parts = corrected(parts, "all")
            return combined(parts, "all", abs), parts, []
        case kinds.Tracking():
            return tracking(scores, test.arms, test.statistic, test.others), [], []
        case kinds.Counted():
            parts = [Comparison(f"{what} in [{low:g}, {high:g}]", "", number, np.nan, np.nan,
                                np.nan, 1, verdict)
                     for (what, number, low, high), verdict in zip(
                         test.numbers, test.verdicts(), strict=True)]
            return combined(parts, "all", abs), parts, []
        case kinds.Untestable():
            return Comparison.none("not testable here", test.reason), [], []
    raise TypeError(f"{test} is not decided by runs")


def _ordering(scores: Scores, test: kinds.Ordering) -> Judged:
    pairs = list(zip(test.lower, test.higher, strict=True) if test.matched
                 else product(test.lower, test.higher))
    region = below(test.at_least)
    parts = [compare(scores, *pair, test.statistic, region) for pair in pairs]
    if test.or_diverges:
        parts = [or_diverges(scores, part, *pair) for part, pair in zip(parts, pairs, strict=True)]
    parts = corrected(parts, test.quantifier)
    beside = [compare(scores, *pair, other, region) for other in test.beside for pair in pairs]
    return combined(parts, test.quantifier, float), parts, beside


def _equivalence(scores: Scores, test: kinds.Equivalence) -> Judged:
    region = Region(-np.inf if test.better == "lower" else -test.margin,
                    np.inf if test.better == "higher" else test.margin, widened=test.or_noise)
    parts = corrected([compare(scores, test.arm, test.other, statistic, region)
                       for statistic in test.statistics], "all")
    verdict = combined(parts, "all", abs)
    if verdict.n and not test.better and verdict.verdict != "contradicted":
        seen = f"a difference of {verdict.high - verdict.low:.3g} would have been seen"
        verdict = replace(verdict, reason="; ".join(filter(None, (verdict.reason, seen))))
    return verdict, parts, []


def _line(claim: kinds.Claim, role: str, part: Comparison) -> dict[str, object]:
    return {
        "claim": claim.id, "role": role, "basis": claim.basis, "comparison": part.name,
        "statistic": part.statistic, "estimate": part.estimate, "low": part.low,
        "high": part.high, "noise": part.noise, "n": part.n, "verdict": part.verdict,
        "place": claim.place, "text": claim.text, "reason": part.reason}


class Effect(NamedTuple):
    """A variation's difference at a scale."""

    variation: Variation
    scale: str
    difference: Comparison  # paired over seeds, arm - other

    @property
    def word(self) -> str:
        """The difference in a word, by the rule that decides orderings."""
        if not self.difference.n:
            return "diverged"
        words = {"reproduced": "lower", "contradicted": "higher"}
        return words.get(self.difference.verdict, "not told apart")


def effects(
    variations: Iterable[Variation], rows: Mapping[tuple[str, str], pd.DataFrame]
) -> list[Effect]:
    """The effects of the variations that have runs.

    `rows`: (artefact, scale) -> rows of its runs.csv."""
    scores = {place: Scores(each) for place, each in rows.items()}
    found = [Effect(each, scale, compare(known, each.arm, each.other, each.statistic, below()))
             for each in variations for (artefact, scale), known in scores.items()
             if artefact == each.artefact]
    return [effect for effect in found if effect.difference.verdict != "not run"]
