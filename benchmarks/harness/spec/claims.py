"""Claims of the paper, and the kinds of test that decide them, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

SCALES = ("paper", "mini", "smoke")


@dataclass(frozen=True)
class Ordering:
    """The test "`lower` has a smaller statistic than all (or any) of `higher`", paired by seed."""

    statistic: str  # see analysis.statistics
    lower: tuple[str, ...]
    higher: tuple[str, ...]
    quantifier: str = "all"
    beside: tuple[str, ...] = ()  # statistics that are reported too, but not judged
    matched: bool = False  # compare only arms at equal positions, instead of each with each
    at_least: float = 0.0  # a smaller difference is noise, however consistent over seeds
    or_diverges: bool = False  # an arm is also worse if only it diverges, by a sign test


@dataclass(frozen=True)
class Equivalence:
    """The test "`arm` and `other` differ by at most `margin`" in all statistics, paired by seed."""

    statistics: tuple[str, ...]
    arm: str
    other: str
    margin: float
    or_noise: bool = False  # the margin is either arm's spread over seeds if that is wider
    better: str = ""  # "higher" or "lower": `arm` may differ to that side as far as it likes


@dataclass(frozen=True)
class Trend:
    """The test "the statistic falls (or rises) along the arms", in their order.

    Page's test over the seeds, exact also for one seed, at 5 %; with several seeds the first and
    the last arm must differ by more than the spread of either. Where so few arms and seeds have no
    order that is rarer than that, the two ends alone are compared."""

    statistic: str
    arms: tuple[str, ...]
    direction: str = "falls"  # or "rises"
    beside: tuple[str, ...] = ()
    at_least: float = 0.0  # a smaller difference of first and last is noise, also with one seed


@dataclass(frozen=True)
class Range:
    """The test "each arm's statistic lies between its two bounds"."""

    statistic: str
    bounds: tuple[tuple[str, float, float], ...]  # arm, low, high
    from_one_seed: bool = False  # one seed decides: for facts, and trends over epochs


@dataclass(frozen=True)
class Tracking:
    """The test "over the arms, one statistic rises with others": Spearman's, at 5 %.

    The others may differ in units, so their ranks over the arms are added."""

    statistic: str
    others: tuple[str, ...]
    arms: tuple[str, ...]


@dataclass(frozen=True)
class Counted:
    """The test "each number lies between its bounds", for numbers that need no run."""

    numbers: tuple[tuple[str, float, float, float], ...]  # what, number, low, high

    def verdicts(self) -> list[str]:
        """One per number."""
        return ["reproduced" if low <= number <= high else "contradicted"
                for _, number, low, high in self.numbers]


@dataclass(frozen=True)
class Readings:
    """The test of a claim where the paper leaves open what was run: each reading's own test.

    The verdict is the one that all readings share; see `share`."""

    of: tuple[Claim, ...]


@dataclass(frozen=True)
class Untestable:
    """No test: the claim cannot be decided here."""

    reason: str


class BySpeed:
    """The test by the command `speed`, from times and bytes instead of runs."""


FID_NOISE = 0.8  # least difference in FID that counts, by the spread of the paper's replicates
Test = (Ordering | Equivalence | Trend | Range | Tracking | Counted | Readings | Untestable
        | BySpeed)


@dataclass(frozen=True)
class Claim:
    """A checkable sentence; `basis`: paper, ours, proxy (for FID), or custom (a user's method)."""

    id: str
    text: str
    place: str
    test: Test
    basis: str = "paper"
    scales: tuple[str, ...] = SCALES  # others cannot test a claim of absolute values
    chosen_on: str = ""  # the data set on which lambdas were chosen for it

    @property
    def readings(self) -> tuple[Claim, ...]:
        """Its readings, if it has any."""
        return self.test.of if isinstance(self.test, Readings) else ()

    def at(self, scale: str) -> Claim:
        """The claim as judged at a scale: untestable outside `scales`."""
        if scale in self.scales:
            return self
        return replace(self, test=Untestable(f"it speaks of numbers at {self.scales[0]} scale"))

    def by_proxy(self) -> Claim:
        """The claim about FID, judged on fd_cifar10 instead."""
        return replace(self, id=f"{self.id}[fd_cifar10]", test=_by_proxy(self.test), basis="proxy")

    def on(self, dataset: str) -> Claim:
        """The claim on another data set, whose name it has: ours, whatever the paper says of it."""
        test = self.test
        if self.chosen_on:
            test = Untestable(f"lambda chosen on {self.chosen_on}")
        elif isinstance(test, Readings):
            test = Readings(tuple(one.on(dataset) for one in test.of))
        return replace(self, id=f"{self.id}[{dataset}]", test=test, basis="ours")

    def by_hand(self) -> Claim:
        """The claim on arms or seeds picked by hand: ours if it is the paper's."""
        test = self.test
        if isinstance(test, Readings):
            test = Readings(tuple(one.by_hand() for one in test.of))
        return replace(self, test=test, basis="ours" if self.basis == "paper" else self.basis)


def joined(
    id: str, text: str, place: str, readings: Iterable[Claim], basis: str = "paper"
) -> Claim:
    """The claim with these readings; a single one is the claim itself."""
    of = tuple(replace(one, basis=basis) for one in readings)
    return Claim(id, text, place, Readings(of), basis) if len(of) > 1 else replace(of[0], id=id)


VERDICTS = ("reproduced", "contradicted", "inconclusive", "depends on the reading", "not run",
            "not testable here")
OPEN = VERDICTS[-2:]  # of a reading without a verdict


def share(verdicts: Iterable[str]) -> str:
    """The verdict that several readings share, or that it depends on the reading.

    A reading without a verdict leaves the claim open, unless others differ already."""
    found = set(verdicts)
    decided = found.difference(OPEN)
    if len(decided) > 1:
        return "depends on the reading"
    return next(word for word in (*OPEN, *decided) if word in found)


def in_words(readings: Mapping[str, tuple[str, str]]) -> str:
    """The readings of each verdict, and why those without one have none.

    `readings`: verdict and reason by id."""
    told = []
    for word in VERDICTS:
        names = [name for name, (verdict, _) in readings.items() if verdict == word]
        reasons = dict.fromkeys(readings[name][1] for name in names if word in OPEN)
        if names:
            told.append(f"{word}: {', '.join(names)}"
                        + (f" ({'; '.join(reasons)})" if any(reasons) else ""))
    return "; ".join(told)


def _by_proxy(test: Test) -> Test:
    """The test on fd_cifar10, by the spread over seeds: FID's noise floor does not apply."""
    match test:
        case Readings():
            return Readings(tuple(one.by_proxy() for one in test.of))
        case Untestable():
            return test
        case Ordering() | Trend():
            return replace(test, statistic=_renamed(test.statistic), at_least=0.0)
        case Range():
            return replace(test, statistic=_renamed(test.statistic))
        case Equivalence() if test.or_noise:
            return replace(test, statistics=tuple(map(_renamed, test.statistics)), margin=0.0)
    raise TypeError(f"{test} has no stand-in")


def _renamed(statistic: str) -> str:
    kind, separator, score = statistic.rpartition(":")
    assert score == "fid"
    return f"{kind}{separator}fd_cifar10"
