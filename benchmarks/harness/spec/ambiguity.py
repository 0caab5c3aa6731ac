"""What the paper leaves open and how it was resolved, as frozen values; see `effects`."""

from typing import NamedTuple


class Variation(NamedTuple):
    """Two arms of an artefact that differ in nothing but the open choice."""

    artefact: str
    statistic: str  # see harness.statistics
    arm: str  # with the other choice
    other: str  # with the one that is in force, or the paper's other reading
    says: str  # what is varied, in words


class Ambiguity(NamedTuple):
    """A gap or contradiction of the paper; numbered as provenance.json names it."""

    id: str
    question: str
    choice: str
    variations: tuple[Variation, ...] = ()
