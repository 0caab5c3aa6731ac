"""Verdicts: judges the claims of an artefact by the rows of its runs."""

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import product
from typing import NamedTuple

import pandas as pd

from benchmarks.harness.analysis.comparisons import (
    Comparison,
    Scores,
    below,
    combined,
    compare,
    in_range,
    or_diverges,
    tracking,
    trend,
    within,
)
from benchmarks.harness.analysis.tables import LEVEL
from benchmarks.harness.spec import claims as kinds
from benchmarks.harness.spec.artefact import Variation

Judged = tuple[Comparison, list[Comparison], list[Comparison]]  # verdict, parts, beside
COLUMNS = ["claim", "role", "basis", "comparison", "statistic", "estimate", "low", "high", "noise",
           "n", "verdict", "place", "text"]


def judge(rows: pd.DataFrame, claims: Iterable[kinds.Claim]) -> pd.DataFrame:
    """The rows of claims.csv: per claim its verdict, its parts, and what is reported beside it."""
    scores = Scores(rows)
    lines = [line for claim in claims for line in _lines(scores, claim)]
    return pd.DataFrame(lines, columns=COLUMNS)


def _lines(scores: Scores, claim: kinds.Claim) -> list[dict[str, object]]:
    rows = scores.rows
    test = claim.at(str(rows["scale"].iloc[0]) if "scale" in rows else "paper").test
    verdict, parts, beside = _judged(scores, test)
    return [_line(claim, "verdict", verdict), *(_line(claim, "part", part) for part in parts),
            *(_line(claim, "beside", part) | {"verdict": None} for part in beside)]


def _judged(scores: Scores, test: kinds.Test) -> Judged:
    match test:
        case kinds.Ordering():
            return _ordering(scores, test)
        case kinds.Equivalence():
            alike = partial(within, test.margin, test.or_noise)
            parts = [compare(scores, test.arm, test.other, statistic, LEVEL, alike)
                     for statistic in test.statistics]
            return combined(parts, "all", abs), parts, []
        case kinds.Trend():
            verdict, *beside = (trend(scores, test.arms, statistic, test.direction, test.at_least)
                                for statistic in (test.statistic, *test.beside))
            return verdict, [], beside
        case kinds.Range():
            parts = [in_range(scores, *bound, test.statistic, test.from_one_seed)
                     for bound in test.bounds]
            return combined(parts, "all", abs), parts, []
        case kinds.Tracking():
            return tracking(scores, test.arms, test.statistic, test.other), [], []
        case kinds.Untestable():
            return Comparison.none(test.reason), [], []
    raise TypeError(f"{test} is not decided by runs")


def _ordering(scores: Scores, test: kinds.Ordering) -> Judged:
    pairs = list(zip(test.lower, test.higher, strict=True) if test.matched
                 else product(test.lower, test.higher))
    # looking for any one of several differences must pay for having looked several times
    level = LEVEL if test.quantifier == "all" else 1 - (1 - LEVEL) / len(pairs)
    rule = partial(below, test.at_least)
    parts = [compare(scores, *pair, test.statistic, level, rule) for pair in pairs]
    if test.or_diverges:
        parts = [or_diverges(scores, part, *pair) for part, pair in zip(parts, pairs, strict=True)]
    beside = [compare(scores, *pair, other, LEVEL, rule) for other in test.beside for pair in pairs]
    return combined(parts, test.quantifier, float), parts, beside


def _line(claim: kinds.Claim, role: str, part: Comparison) -> dict[str, object]:
    return {
        "claim": claim.id, "role": role, "basis": claim.basis, "comparison": part.name,
        "statistic": part.statistic, "estimate": part.estimate, "low": part.low,
        "high": part.high, "noise": part.noise, "n": part.n, "verdict": part.verdict,
        "place": claim.place, "text": claim.text}


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
    found = [Effect(each, scale, compare(known, each.arm, each.other, each.statistic, LEVEL,
                                         partial(below, 0.0)))
             for each in variations for (artefact, scale), known in scores.items()
             if artefact == each.artefact]
    return [effect for effect in found if effect.difference.verdict != "not run"]
