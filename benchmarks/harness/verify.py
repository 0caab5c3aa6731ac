"""`verify`: the verdict on every claim of the paper, as the results that are there have it."""

from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import committed, speed_claims
from benchmarks.harness.claim import Claim, Untestable
from benchmarks.harness.overall import conclusions, divergences
from benchmarks.harness.selection import Selection
from benchmarks.harness.store import Store
from benchmarks.harness.task import SETTLED
from benchmarks.harness.verdicts import print_verdicts, verdict_line

NONE = "no results"


class Said(NamedTuple):
    """What became of a claim."""

    claim: str
    basis: str
    verdict: str


def verify(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Prints a table of verdicts per artefact and a count; 0 if every artefact is complete.

    Raises UsageError where a table is corrupt.
    """
    said: list[Said] = []
    runs: list[dict[str, str]] = []
    open_artefacts = []
    for selection in selections:
        folder = selection.results(options.results_dir.resolve(), options.cache_dir.resolve())
        lacks = _lacking(selection, folder)
        name = selection.artefact.name
        print(f"{name}, {selection.scale} scale: {lacks or 'complete'}")
        if lacks:
            open_artefacts.append(name)
        if lacks == NONE:
            said += [_unjudged(claim.at(selection.scale)) for claim in selection.claims]
        else:
            print_verdicts((folder / "claims.csv").read_text())
            said += [Said(row["claim"], row["basis"], row["verdict"]) for row in
                     committed.read(folder / "claims.csv") if row["role"] == "verdict"]
            runs += committed.read(folder / "runs.csv")
    if len(options.words) == 1 or "all" in options.words:
        said += _of_speed(options, selections[0].scale)
    said += _concluded(said)
    print(f"diverged: {divergences(runs)}")
    _count(said)
    if open_artefacts:
        print(f"not complete: {', '.join(open_artefacts)}")
    return int(bool(open_artefacts))


def _of_speed(options: Namespace, scale: str) -> list[Said]:
    """Prints and returns what became of C31 on each device."""
    place = speed_claims.folder(options.results_dir.resolve(), options.cache_dir.resolve(), scale)
    found = []
    for device, path in speed_claims.tables(place):
        print(f"speed, {scale} scale, {device}")
        print_verdicts(path.read_text())
        found += [Said(row["claim"], row["basis"], row["verdict"]) for row in committed.read(path)]
    if not found:
        print(f"speed, {scale} scale: no results")
        for kind in speed_claims.KINDS:
            id, text = speed_claims.claim_id(kind), speed_claims.text(kind)
            print(verdict_line(id, "not run", "paper", text))
            found.append(Said(id, "paper", "not run"))
    return found


def _concluded(said: list[Said]) -> list[Said]:
    """Prints and returns what follows from the paper's claims that were looked at, if anything."""
    found = [each for each in conclusions({claim: verdict for claim, basis, verdict in said
                                           if basis == "paper"}) if each.parts]
    if found:
        print("conclusions, from the claims above")
    for each in found:
        print(verdict_line(each.id, each.verdict, "paper", each.text))
        print(f"  {'':<28} from " + ", ".join(f"{claim} {verdict}"
                                              for claim, verdict in each.parts.items()))
    return [Said(each.id, "paper", each.verdict) for each in found]


def _count(said: list[Said]) -> None:
    for kind, proxies in (("paper and ours", False), ("by proxy", True)):
        counts = Counter(each.verdict for each in said if (each.basis == "proxy") is proxies)
        print(f"{kind}: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items())))


def _unjudged(claim: Claim) -> Said:
    """Where there are no results."""
    verdict = "not testable here" if isinstance(claim.test, Untestable) else "not run"
    print(verdict_line(claim.id, verdict, claim.basis, claim.text))
    return Said(claim.id, claim.basis, verdict)


def _lacking(selection: Selection, folder: Path) -> str | None:
    """What the results of an artefact lack, in a few words."""
    tables = [folder / name for name in committed.TABLES]
    if not all(table.exists() for table in tables):
        return NONE
    there = {(row["arm"], row["seed"]) for row in committed.read(folder / "runs.csv")
             if row["status"] in SETTLED}
    wanted = {(entry.arm.name, str(entry.run.seed)) for entry in selection.entries()}
    missing = wanted - there
    return f"{len(missing)} of {len(wanted)} runs are missing" if missing else None
