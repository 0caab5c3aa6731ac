"""Claim C33: what the paper concludes, which follows from what became of its other claims."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from benchmarks.harness.claim import LEAST_FAVOURABLE_FIRST

PARTS = {  # METHODS.md section 6; a claim that has readings has a row for each
    "C33[faster]": ("MoCA's latent distribution converges faster to the prior.", ("C1", "C6")),
    "C33[stable]": ("MoCA is the more stable of the two: a larger lambda helps it and not always "
                    "WAE-MMD.", ("C5", "C8")),
}


class Conclusion(NamedTuple):
    """A claim about claims."""

    id: str
    text: str
    verdict: str
    parts: dict[str, str]  # id of a claim that it rests on -> verdict


def conclusions(verdicts: Mapping[str, str]) -> list[Conclusion]:
    """The least favourable verdict of the paper's claims that each rests on.

    Of `verdicts`, by claim, only what is judged by the paper's settings; what cannot be tested at
    the scale counts neither way.
    """
    found = []
    for id, (text, names) in PARTS.items():
        parts = {claim: verdict for claim, verdict in verdicts.items()
                 if claim.split("[")[0] in names and verdict != "not testable here"}
        decides = min(parts.values(), key=LEAST_FAVOURABLE_FIRST.index, default="not run")
        found.append(Conclusion(id, text, decides, parts))
    return found


def divergences(runs: Iterable[Mapping[str, str]]) -> str:
    """How many runs ended in numbers that are not finite: of MoCA, and of the other methods."""
    ended: dict[str, Counter[str]] = {"MoCA": Counter(), "the other methods": Counter()}
    for (method, _, _), status in {(row["method"], row["arm"], row["seed"]): row["status"]
                                   for row in runs}.items():
        ended["MoCA" if method == "moca" else "the other methods"][status] += 1
    return ", ".join(f"{counts['diverged']} of {counts.total()} runs of {who}"
                     for who, counts in ended.items())
