"""Verdicts on what the paper concludes, from the verdicts on its other claims."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import NamedTuple

from benchmarks.harness.spec.run import Run

Parts = Mapping[str, tuple[str, tuple[str, ...]]]  # claim -> its text, the claims that decide it
LEAST_FAVOURABLE_FIRST = ("contradicted", "not run", "inconclusive", "reproduced")  # of a "both"


class DerivedClaim(NamedTuple):
    """A claim about claims."""

    id: str
    text: str
    verdict: str
    parts: dict[str, str]  # id of a claim that it rests on -> verdict


def conclusions(verdicts: Mapping[str, str], derived: Parts) -> list[DerivedClaim]:
    """The least favourable verdict of the paper's claims that each rests on.

    Of `verdicts`, by claim, only what is judged by the paper's settings; what cannot be tested at
    the scale counts neither way.
    """
    found = []
    for id, (text, names) in derived.items():
        parts = {claim: verdict for claim, verdict in verdicts.items()
                 if claim.split("[")[0] in names and verdict != "not testable here"}
        decides = min(parts.values(), key=LEAST_FAVOURABLE_FIRST.index, default="not run")
        found.append(DerivedClaim(id, text, decides, parts))
    return found


def divergences(runs: Iterable[Mapping[str, str]]) -> str:
    """How many runs ended in numbers that are not finite: of MoCA, and of the other methods.

    Of rows of several runs.csv, in which a run may stand more than once.
    """
    names = {field.name for field in fields(Run)}
    ended: dict[tuple[tuple[str, str], ...], tuple[str, str]] = {}
    for row in runs:
        if row["status"] in ("done", "diverged"):
            run = tuple(sorted((name, value) for name, value in row.items()
                               if value and (name in names or name.startswith("hyper."))))
            ended[run] = ("MoCA" if row["method"] == "moca" else "the other methods", row["status"])
    counts = {who: Counter(status for whose, status in ended.values() if whose == who)
              for who in ("MoCA", "the other methods")}
    return ", ".join(f"{each['diverged']} of {each.total()} runs of {who}"
                     for who, each in counts.items())
