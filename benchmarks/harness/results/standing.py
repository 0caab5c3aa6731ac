"""How an artefact stands: the results that are there, what they lack, and what became of claims."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import derived_claims
from benchmarks.derived_claims import SpeedClaim
from benchmarks.harness.results import read
from benchmarks.harness.spec.claims import Claim, Untestable
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.task import SETTLED

NONE = "no results"
Row = Mapping[str, str]  # of a result table


@dataclass(frozen=True)
class Standing:
    """Of one selection, as its results folder has it."""

    selection: Selection
    folder: Path
    runs: list[dict[str, str]] | None  # the rows of runs.csv; None without results
    data: list[dict[str, str]]  # the rows of data.csv
    claims: list[dict[str, str]]  # the rows of claims.csv; without results, a verdict for each

    @property
    def lacks(self) -> str | None:
        """What there should be and is not, in a few words."""
        if self.runs is None:
            return NONE
        there = {(row["arm"], row["seed"]) for row in self.runs if row["status"] in SETTLED}
        if self.selection.custom:  # who picked them is not asked again
            wanted = {(row["arm"], row["seed"]) for row in self.runs}
        else:
            wanted = {(entry.arm.name, str(entry.run.seed)) for entry in self.selection.entries()}
        if missing := wanted - there:
            return f"{len(missing)} of {len(wanted)} runs are missing"
        claimed = {claim.id for claim in self.selection.claims}
        unjudged = claimed - {row["claim"] for row in self.claims}
        if unjudged and not self.selection.custom:
            return f"{len(unjudged)} of {len(claimed)} claims are not judged"
        return None

    @property
    def verdicts(self) -> list[dict[str, str]]:
        """A row per claim, without what it was decided by."""
        return [row for row in self.claims if row["role"] == "verdict"]


def standing(selection: Selection, results: Path, cache: Path) -> Standing:
    """Reads the results of a selection; raises UsageError where a table is corrupt."""
    folder = selection.results(results, cache)
    if found := read.tables(folder):
        return Standing(selection, folder, *(found[f"{name}.csv"]
                                             for name in ("runs", "data", "claims")))
    claims = [unjudged(claim.at(selection.scale)) for claim in selection.claims]
    return Standing(selection, folder, None, [], claims)


def unjudged(claim: Claim | SpeedClaim) -> dict[str, str]:
    """The row of a claim without results."""
    test = claim.test if isinstance(claim, Claim) else None
    reason = test.reason if isinstance(test, Untestable) else ""
    empty = dict.fromkeys(("statistic", "estimate", "low", "high", "noise"), "")
    return {"claim": claim.id, "role": "verdict", "basis": claim.basis, "comparison": reason,
            **empty, "n": "0", "verdict": "not testable here" if reason else "not run",
            "place": claim.place, "text": claim.text}


def of_speed(
    results: Path, cache: Path, scale: str
) -> Iterator[tuple[Path, list[dict[str, str]]]]:
    """Per device that C31 was measured on: its folder, and the rows of its claims.csv."""
    place = derived_claims.folder(results, cache, scale)
    for path in sorted(place.glob("*/claims.csv")):
        yield path.parent, read.read(path)


def distinct(rows: Iterable[Row]) -> list[Row]:
    """Each verdict once, though several artefacts may be there for one claim."""
    return list({(row["claim"], row["text"], row["verdict"]): row for row in rows}.values())
