"""Ranks of competitors over blocks, and which of them are told apart (Demsar 2006, JMLR 7:1-30)."""

from typing import NamedTuple

import numpy as np
import pandas as pd

ALPHA = 0.05


class Standing(NamedTuple):
    """Competitors over blocks: ranks, Friedman's test, and pairwise p values after Holm."""

    ranks: pd.DataFrame  # (blocks, competitors), 1 is best; ties share their mean
    friedman: float  # p value of "all competitors are alike"; NaN if there are too few
    pairs: pd.DataFrame  # (competitors, competitors) p values, symmetric, 1 on the diagonal

    @property
    def mean(self) -> pd.Series:
        """The mean rank of each competitor, best first."""
        return self.ranks.mean().sort_values(kind="stable")

    def groups(self) -> list[list[str]]:
        """The largest runs of neighbours in mean rank of which no two are told apart.

        These are the bars of a critical-difference diagram; a competitor may be in several."""
        order, found = list(self.mean.index), list[list[str]]()
        for first in range(len(order)):
            last = first
            while last + 1 < len(order) and (
                    self.pairs.loc[order[first:last + 1], order[last + 1]] >= ALPHA).all():
                last += 1
            if not found or order[last] not in found[-1]:
                found.append(order[first:last + 1])
        return found

    def told_apart(self) -> list[tuple[str, str]]:
        """Pairs (better, worse) whose difference survives Holm's correction."""
        order = list(self.mean.index)
        return [(a, b) for k, a in enumerate(order) for b in order[k + 1:]
                if self.pairs.loc[a, b] < ALPHA]


def standing(scores: pd.DataFrame) -> Standing:
    """The standing of competitors by scores (blocks, competitors), of which lower is better.

    A score that is not a number, as of a run that diverged, has the last rank of its block. The
    pairwise test is Conover's on the ranks of Friedman's test, which are those of scikit-posthocs;
    it needs two blocks and three competitors."""
    from scikit_posthocs import posthoc_conover_friedman  # with statsmodels: takes two seconds
    from scipy.stats import friedmanchisquare
    names = list(scores)
    ranks = scores.astype(float).fillna(np.inf).rank(axis=1)
    if len(ranks) < 2 or len(names) < 3 or (ranks.nunique(axis=1) == 1).all():
        unknown = pd.DataFrame(1.0, names, names)
        return Standing(ranks, np.nan, unknown)
    p = float(friedmanchisquare(*(ranks[name] for name in names)).pvalue)
    with np.errstate(divide="ignore", invalid="ignore"):  # one order in all blocks: no error left
        pairs = posthoc_conover_friedman(ranks.to_numpy(), p_adjust="holm").to_numpy()
    mean = ranks.mean().to_numpy()
    equal = np.isclose(mean[:, None], mean)
    pairs = np.where(np.isnan(pairs), equal, pairs)
    return Standing(ranks, p, pd.DataFrame(pairs, names, names))
