"""Verdicts on the paper's conclusions, from the verdicts on its other claims."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from itertools import product
from typing import NamedTuple

from benchmarks.harness.spec.claims import share
from benchmarks.harness.spec.run import SETTLED, Run

Parts = Mapping[str, tuple[str, tuple[str, ...]]]  # claim -> its text, the claims that decide it
LEAST_FAVOURABLE_FIRST = ("contradicted", "not run", "not testable here", "inconclusive",
                          "reproduced")  # of several that must all hold


class DerivedClaim(NamedTuple):
    """A claim about claims."""

    id: str
    text: str
    verdict: str
    parts: dict[str, str]  # id of a claim that it rests on -> verdict


def conclusions(readings: Mapping[str, Mapping[str, str]], derived: Parts) -> list[DerivedClaim]:
    """Each derived claim with the verdict that all readings of its parts together share.

    All parts must hold within a reading of each. `readings`: by claim, the verdict of each of its
    readings; a claim that is not there was not run."""
    found = []
    for id, (text, names) in derived.items():
        each = [set(readings.get(name, {}).values()) or {"not run"} for name in names]
        verdict = share(min(together, key=LEAST_FAVOURABLE_FIRST.index)
                        for together in product(*each))
        found.append(DerivedClaim(id, text, verdict, {
            name: share(readings[name].values()) for name in names if name in readings}))
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
