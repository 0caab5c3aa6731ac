"""Statistics of an artefact's arms per seed, and how far replicates of a run lie apart."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.harness.analysis.statistics import grid_scores, of_grid, panel_rows
from benchmarks.harness.analysis.statistics import statistic as named_statistic
from benchmarks.harness.spec.claims import FID_NOISE
from benchmarks.harness.spec.run import SETTLED

KIND = ("dataset", "image_size", "architecture", "method")  # what replicates have in common
Tables = Callable[[], Mapping[str, pd.DataFrame]]  # rows of other artefacts at the same scale


class Spread(NamedTuple):
    """Standard deviation of a statistic over seeds, with degrees of freedom and its origin."""

    sd: float
    df: float
    whose: str


OF_THE_PAPER = Spread(FID_NOISE / 2**0.5, np.inf, "the paper's two values for one configuration")


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

    def __init__(self, rows: pd.DataFrame, others: Tables = dict) -> None:
        self.rows, self.others = rows, others
        self._known: dict[tuple[str, str], pd.Series] = {}
        self._spreads: dict[tuple[object, ...], Spread | None] = {}

    @cached_property
    def _by_arm(self) -> dict[str, pd.DataFrame]:
        return {str(arm): of for arm, of in self.rows.groupby("arm", sort=False)}

    @cached_property
    def _last(self) -> pd.DataFrame:
        return self.rows.groupby(["arm", "seed"], sort=False).tail(1)

    def of(self, arm: str, statistic: str) -> pd.Series:
        """See `values`."""
        if (arm, statistic) not in self._known:
            self._known[arm, statistic] = values(self._rows_of(arm, statistic), arm, statistic)
        return self._known[arm, statistic]

    def grid(self, panel: str, score: str) -> tuple[pd.DataFrame, int]:
        """One row per arm with the mean score over the seeds; and the number of seeds."""
        last = grid_scores(self._last, panel, score)
        means = last.groupby("arm", sort=False)["score"].mean()
        first = last.drop_duplicates("arm").set_index("arm")
        return first.assign(score=means).reset_index(), last["seed"].nunique()

    def spread(self, arm: str, statistic: str) -> Spread | None:
        """The pooled spread of replicates of the arm's method, network and data set.

        `arm` may be a panel of a grid statistic, whose score it is then of. None without
        replicates, unless it is of FID, of which the paper has two."""
        score = statistic.rpartition(":")[2]
        mine = self._rows_of(arm, statistic)
        kind = tuple(mine.iloc[0].get(name) for name in KIND)
        if (*kind, score) not in self._spreads:
            self._spreads[*kind, score] = _pooled(
                {"here": self.rows, **self.others()}, kind, score)
        return self._spreads[*kind, score] or (OF_THE_PAPER if score == "fid" else None)

    def _rows_of(self, arm: str, statistic: str) -> pd.DataFrame:
        if ":" in statistic:
            return panel_rows(self._last, arm)
        return self._by_arm.get(arm, self.rows.iloc[:0])

    def lacking(self, arm: str, statistic: str) -> str:
        """Why the arm has no value of the statistic."""
        score = statistic.rpartition(":")[2]
        mine = self._rows_of(arm, statistic)
        lost = mine.loc[~mine["status"].isin(SETTLED)]
        if len(lost) or not len(mine):
            names = [arm] if ":" not in statistic else list(lost["arm"].unique()) or [arm]
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            return f"needs runs of {', '.join(names[:3])}{more}"
        return f"{score} was not measured"

    def undefined(self, arm: str, statistic: str) -> str:
        """Why a run of the arm has no number: how many diverged, and when."""
        mine = self._rows_of(arm, statistic)
        runs = mine[mine["status"].isin(SETTLED)].drop_duplicates(["arm", "seed"])
        bad = runs[runs["status"] == "diverged"]
        if not len(bad):
            return f"{statistic} of {arm} has no value"
        steps = sorted({int(step) for step in bad.get("diverged_step", pd.Series()).dropna()})
        when = f" at step {', '.join(map(str, steps[:3]))}" if steps else ""
        return f"{len(bad)} of {len(runs)} runs of {arm} diverged{when}"


def _pooled(
    tables: Mapping[str, pd.DataFrame], kind: tuple[object, ...], statistic: str
) -> Spread | None:
    """The spread over seeds of all arms of a kind that have several, by its degrees of freedom."""
    squares, df, lenders = 0.0, 0, dict[str, int]()
    for table, rows in tables.items():
        alike = np.ones(len(rows), bool)
        for name, value in zip(KIND, kind, strict=True):
            if name in rows:
                same = rows[name].isna() if value != value or value is None else rows[name] == value
                alike &= same.to_numpy()
        seeds = rows.loc[alike].groupby("arm", sort=False)["seed"].nunique()
        for arm in seeds.index[seeds > 1]:
            found = values(rows, arm, statistic).dropna()
            if len(found) > 1:
                squares += float(found.var(ddof=1)) * (len(found) - 1)
                df += len(found) - 1
                lenders[table] = lenders.get(table, 0) + 1
    if not df:
        return None
    whose = ", ".join(f"{count} {'arm' if count == 1 else 'arms'} "
                      + (table if table == "here" else f"of {table}")
                      for table, count in lenders.items())
    return Spread((squares / df) ** 0.5, df, f"the replicates of {whose}")
