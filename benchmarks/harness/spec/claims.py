"""Claims of the paper, and the kinds of test that decide them, as frozen values."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Trend:
    """The test "the statistic falls (or rises) along the arms", in their order.

    Page's test over the seeds, exact also for one seed, at 5 %; with several seeds the first and
    the last arm must differ by more than the spread of either."""

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
    """The test "over the arms, one statistic rises with the other": Spearman's, at 5 %."""

    statistic: str
    other: str
    arms: tuple[str, ...]


@dataclass(frozen=True)
class Untestable:
    """No test: the claim cannot be decided here."""

    reason: str


class BySpeed:
    """The test by the command `speed`, from times and bytes instead of runs."""


FID_NOISE = 0.8  # least difference in FID that counts, by the spread of the paper's replicates
Test = Ordering | Equivalence | Trend | Range | Tracking | Untestable | BySpeed


@dataclass(frozen=True)
class Claim:
    """A checkable sentence of the paper; `basis`: paper, other reading, or ours."""

    id: str
    text: str
    place: str
    test: Test
    basis: str = "paper"
    scales: tuple[str, ...] = SCALES  # others cannot test a claim of absolute values

    def at(self, scale: str) -> Claim:
        """The claim as judged at a scale: untestable outside `scales`."""
        if scale in self.scales:
            return self
        return replace(self, test=Untestable(f"it speaks of numbers at {self.scales[0]} scale"))

    def by_proxy(self) -> Claim:
        """The claim about FID, judged on fd_cifar10 instead."""
        return replace(self, id=f"{self.id}[fd_cifar10]", test=_by_proxy(self.test), basis="proxy")


def _by_proxy(test: Test) -> Test:
    """The test on fd_cifar10, by the spread over seeds: FID's noise floor does not apply."""
    match test:
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
