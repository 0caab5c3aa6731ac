"""Claims, and the kinds of test that decide them, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, replace

SCALES = ("paper", "mini", "smoke")


@dataclass(frozen=True)
class Ordering:
    """The test "`lower` has a smaller statistic than all (or any) of `higher`", paired by seed.

    Every one of `lower` is compared with every one of `higher`, or, if `matched`, the first with
    the first, the second with the second, and so on."""

    statistic: str  # see analysis.statistics
    lower: tuple[str, ...]
    higher: tuple[str, ...]
    quantifier: str = "all"
    beside: tuple[str, ...] = ()  # statistics reported with it and not judged
    matched: bool = False
    at_least: float = 0.0  # a smaller difference is noise whatever the seeds say
    or_diverges: bool = False  # one is also worse if it alone diverges, by a sign test


@dataclass(frozen=True)
class Equivalence:
    """The test "`arm` and `other` differ by at most `margin`" in all statistics, paired by seed."""

    statistics: tuple[str, ...]
    arm: str
    other: str
    margin: float
    or_noise: bool = False  # the margin is either arm's spread over seeds where that is wider


@dataclass(frozen=True)
class Trend:
    """The test "the statistic falls (or rises) along the arms", which are in order.

    Page's test over the seeds, exact also for one seed, at 5 %; with several seeds the first and
    the last arm must differ by more than either one's own spread."""

    statistic: str
    arms: tuple[str, ...]
    direction: str = "falls"  # or "rises"
    beside: tuple[str, ...] = ()
    at_least: float = 0.0  # a smaller difference of the ends is noise, also with one seed


@dataclass(frozen=True)
class Range:
    """The test "each arm's statistic lies between its two bounds".

    A statistic that is itself a fact or a trend over many epochs is judged from one seed on."""

    statistic: str
    bounds: tuple[tuple[str, float, float], ...]  # arm, low, high
    from_one_seed: bool = False


@dataclass(frozen=True)
class Tracking:
    """The test "over the arms, one statistic rises with another": Spearman's, at 5 %."""

    statistic: str
    other: str
    arms: tuple[str, ...]


@dataclass(frozen=True)
class Untestable:
    """No test: the claim cannot be decided here."""

    reason: str


class BySpeed:
    """Decided by `speed`, from times and bytes, not by runs."""


FID_NOISE = 0.8  # the smallest difference that the paper's own replicates allow to be credited
Test = Ordering | Equivalence | Trend | Range | Tracking | Untestable | BySpeed


@dataclass(frozen=True)
class Claim:
    """A checkable sentence of the paper; `basis`: paper, other reading, or ours."""

    id: str
    text: str
    place: str
    test: Test
    basis: str = "paper"
    scales: tuple[str, ...] = SCALES  # elsewhere it cannot be tested: it speaks of absolute values

    def at(self, scale: str) -> Claim:
        """The claim as it is judged at that scale."""
        if scale in self.scales:
            return self
        return replace(self, test=Untestable(f"it speaks of numbers at {self.scales[0]} scale"))

    def by_proxy(self) -> Claim:
        """The claim, stated in FID, as judged on fd_cifar10."""
        return replace(self, id=f"{self.id}[fd_cifar10]", test=_by_proxy(self.test), basis="proxy")


def _by_proxy(test: Test) -> Test:
    """The test on fd_cifar10; FID's noise floor does not apply, only the spread over seeds."""
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
