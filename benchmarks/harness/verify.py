"""`verify`: the verdict on every claim of the paper, as the results that are there have it."""

from argparse import Namespace
from collections import Counter
from pathlib import Path

from benchmarks.harness import committed
from benchmarks.harness.claim import Claim, Untestable
from benchmarks.harness.selection import Selection
from benchmarks.harness.store import Store
from benchmarks.harness.task import SETTLED
from benchmarks.harness.verdicts import print_verdicts

NONE = "no results"


def verify(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Prints a table of verdicts per artefact and a count; 0 if every artefact is complete.

    Raises UsageError where a table is corrupt.
    """
    counts: dict[str, Counter[str]] = {"paper and ours": Counter(), "by proxy": Counter()}
    open_artefacts = []
    for selection in selections:
        folder = selection.results(options.results_dir.resolve(), options.cache_dir.resolve())
        lacks = _lacking(selection, folder)
        name = selection.artefact.name
        print(f"{name}, {selection.scale} scale: {lacks or 'complete'}")
        if lacks:
            open_artefacts.append(name)
        if lacks == NONE:
            verdicts = [_unjudged(claim.at(selection.scale)) for claim in selection.claims]
            for claim, (basis, verdict) in zip(selection.claims, verdicts, strict=True):
                print(f"  {claim.id:<28} {verdict:<17} {basis:<12} {claim.text}")
        else:
            print_verdicts((folder / "claims.csv").read_text())
            verdicts = [(row["basis"], row["verdict"]) for row in
                        committed.read(folder / "claims.csv") if row["role"] == "verdict"]
        for basis, verdict in verdicts:
            counts["by proxy" if basis == "proxy" else "paper and ours"][verdict] += 1
    for kind, counted in counts.items():
        print(f"{kind}: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(counted.items())))
    if open_artefacts:
        print(f"not complete: {', '.join(open_artefacts)}")
    return int(bool(open_artefacts))


def _unjudged(claim: Claim) -> tuple[str, str]:
    """Basis and verdict where there are no results."""
    untestable = isinstance(claim.test, Untestable)
    return claim.basis, "not testable here" if untestable else "not run"


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
