"""An estimate against what a claim says of it: interval, verdict, and Holm's correction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit  # scipy.stats takes most of a second to import

from benchmarks.harness.analysis.tables import LEVEL

NAN = float("nan")
ERROR = (1 - LEVEL) / 2  # of a verdict for the claim, and of one against it


class Estimate(NamedTuple):
    """A mean with its standard error, of `df` degrees of freedom."""

    mean: float
    error: float
    df: float
    noise: float  # spread over seeds
    n: int  # seeds
    whose: str = ""  # runs behind the error, if not the compared ones

    def interval(self) -> tuple[float, float]:
        """The ends of its 95 % t interval."""
        half = float(stdtrit(self.df, (1 + LEVEL) / 2)) * self.error
        return self.mean - half, self.mean + half

    def p_above(self, bound: float) -> float:
        """One-sided p-value for "it is above the bound"."""
        if self.error == 0:
            return float(self.mean < bound)
        return float(stdtr(self.df, (bound - self.mean) / self.error))

    def p_below(self, bound: float) -> float:
        """One-sided p-value for "it is below the bound"."""
        if self.error == 0:
            return float(self.mean > bound)
        return float(stdtr(self.df, (self.mean - bound) / self.error))


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
    reason: str = ""  # for a missing verdict, or whose noise the error is
    supports: float = NAN  # one-sided p-value for the claim
    opposes: float = NAN  # and for its opposite

    @staticmethod
    def none(verdict: str, reason: str, name: str = "", statistic: str = "") -> "Comparison":
        """A comparison without numbers."""
        return Comparison(name, statistic, NAN, NAN, NAN, NAN, 0, verdict, reason)


class Region(NamedTuple):
    """Where a claim says that a difference lies."""

    low: float = -np.inf
    high: float = np.inf
    floor: float | None = None  # a difference up to this, or up to the noise, decides nothing
    widened: bool = False  # the noise is the margin if it is wider

    def judged(self, name: str, statistic: str, found: Estimate) -> Comparison:
        """The verdict: the whole interval within the region, or outside it."""
        low, high = self.low, self.high
        if self.widened:
            low, high = min(low, -found.noise), max(high, found.noise)
        supports = max(found.p_above(low), found.p_below(high))
        opposes = min(found.p_below(low), found.p_above(high))
        verdict = ("reproduced" if supports <= ERROR else
                   "contradicted" if opposes <= ERROR else "inconclusive")
        reasons = [found.whose and f"error by {found.whose}"]
        if self.floor is not None and abs(found.mean) <= max(found.noise, self.floor):
            verdict = "inconclusive"
            reasons.insert(0, f"no more than the floor of {self.floor:g}" if
                           abs(found.mean) <= self.floor else "no more than the spread over seeds")
        elif verdict == "inconclusive":
            reasons.insert(0, _crossed((low, high), found))
        return Comparison(name, statistic, found.mean, *found.interval(), found.noise, found.n,
                          verdict, "; ".join(filter(None, reasons)), supports, opposes)


def _crossed(bounds: tuple[float, float], found: Estimate) -> str:
    low, high = found.interval()
    crossed = " and ".join(f"{bound:.4g}" for bound in bounds if low <= bound <= high)
    return f"its interval reaches over {crossed}"


def below(at_least: float = 0.0) -> Region:
    """The region of "first < second", by more than the noise and a floor."""
    return Region(high=0.0, floor=at_least)


# for "all", from the least favourable; for "any", from the most favourable
ALL = ("contradicted", "not run", "not testable here", "inconclusive", "reproduced")
ANY = ("reproduced", "not run", "not testable here", "inconclusive", "contradicted")


def corrected(parts: list[Comparison], quantifier: str) -> list[Comparison]:
    """The parts after Holm's correction of the verdict that any one of them would give."""
    word, chances = (("contradicted", [part.opposes for part in parts]) if quantifier == "all"
                     else ("reproduced", [part.supports for part in parts]))
    found, told_apart = list(parts), True
    for place, k in enumerate(np.argsort(np.nan_to_num(chances, nan=1.0), kind="stable")):
        p = chances[k]
        told_apart = told_apart and p <= ERROR / (len(parts) - place)
        if not told_apart and parts[k].verdict == word:
            reason = f"p = {p:.2g} is too large for one of {len(parts)} comparisons (Holm)"
            found[k] = replace(parts[k], verdict="inconclusive",
                               reason="; ".join(filter(None, (reason, parts[k].reason))))
    return found


def combined(parts: list[Comparison], quantifier: str, far: Callable[[float], float]) -> Comparison:
    """The deciding part: the least favourable one for "all", the most favourable one for "any".

    `far` maps an estimate to its distance from the claim."""
    order, sign = (ANY, 1) if quantifier == "any" else (ALL, -1)
    first = min(order.index(part.verdict) for part in parts)
    return min((part for part in parts if part.verdict == order[first]),
               key=lambda part: sign * np.nan_to_num(far(part.estimate)))
