"""What another resolution of what the paper leaves open would change."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import NamedTuple

import pandas as pd

from benchmarks.harness.analysis.comparisons import Comparison, Scores, below, compare
from benchmarks.harness.analysis.tables import LEVEL
from benchmarks.harness.spec.ambiguity import Variation


class Effect(NamedTuple):
    """What became of a variation at a scale."""

    variation: Variation
    scale: str
    difference: Comparison  # paired over seeds, arm - other

    @property
    def word(self) -> str:
        """What the difference comes to, by the rule that decides orderings."""
        if not self.difference.n:
            return "diverged"
        words = {"reproduced": "lower", "contradicted": "higher"}
        return words.get(self.difference.verdict, "not told apart")


def effects(
    variations: Iterable[Variation], rows: Mapping[tuple[str, str], pd.DataFrame]
) -> list[Effect]:
    """Of the variations that have runs; `rows`: (artefact, scale) -> rows of its runs.csv."""
    scores = {place: Scores(each) for place, each in rows.items()}
    found = [Effect(each, scale, compare(known, each.arm, each.other, each.statistic, LEVEL,
                                         partial(below, 0.0)))
             for each in variations for (artefact, scale), known in scores.items()
             if artefact == each.artefact]
    return [effect for effect in found if effect.difference.verdict != "not run"]
