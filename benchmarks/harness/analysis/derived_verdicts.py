"""Verdicts on the paper's conclusions, from the verdicts on its other claims."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import NamedTuple

from benchmarks.harness.spec.run import SETTLED, Run

Parts = Mapping[str, tuple[str, tuple[str, ...]]]  # claim -> its text, the claims that decide it
LEAST_FAVOURABLE_FIRST = ("contradicted", "not run", "inconclusive", "reproduced")  # of a "both"


class DerivedClaim(NamedTuple):
    """A claim about claims."""

    id: str
    text: str
    verdict: str
    parts: dict[str, str]  # id of a claim that it rests on -> verdict


def conclusions(verdicts: Mapping[str, str], derived: Parts) -> list[DerivedClaim]:
    """Each derived claim with the least favourable verdict of the claims that it rests on.

    `verdicts`: by claim, judged by the paper's settings; "not testable here" counts neither way."""
    found = []
    for id, (text, names) in derived.items():
        parts = {claim: verdict for claim, verdict in verdicts.items()
                 if claim.split("[")[0] in names and verdict != "not testable here"}
        decides = min(parts.values(), key=LEAST_FAVOURABLE_FIRST.index, default="not run")
        found.append(DerivedClaim(id, text, decides, parts))
    return found


def divergences(runs: Iterable[Mapping[str, str]]) -> str:
    """Counts of diverged runs in words, for MoCA and for the other methods.

    `runs`: rows of several runs.csv, which may name a run more than once."""
    names = {field.name for field in fields(Run)}
    ended: dict[tuple[tuple[str, str], ...], tuple[str, str]] = {}
    for row in runs:
        if row["status"] in SETTLED:
            run = tuple(sorted((name, value) for name, value in row.items()
                               if value and (name in names or name.startswith("hyper."))))
            ended[run] = ("MoCA" if row["method"] == "moca" else "the other methods", row["status"])
    counts = {who: Counter(status for whose, status in ended.values() if whose == who)
              for who in ("MoCA", "the other methods")}
    return ", ".join(f"{each['diverged']} of {each.total()} runs of {who}"
                     for who, each in counts.items())
