"""`verify`: prints the verdict on every claim of the paper, from the results."""

from argparse import Namespace
from collections.abc import Iterable, Sequence

from benchmarks.harness.analysis.derived_verdicts import Parts, divergences
from benchmarks.harness.console import print_verdicts
from benchmarks.harness.results.read import (
    NONE,
    Verdicts,
    artefact_results,
    counted,
    of_speed,
)
from benchmarks.harness.spec.claims import Claim
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.run_folder import Store


def verify(
    selections: Sequence[Selection], store: Store, options: Namespace, claims: Iterable[Claim],
    parts: Parts,
) -> int:
    """Prints a table of verdicts per artefact and a count; 0 if every artefact is complete.

    `claims`: of `speed`; `parts`: of derived claims. Raises UsageError where a table is corrupt."""
    scale, places = selections[0].scale, (options.results_dir, options.cache_dir)
    artefacts = []
    for selection in selections:
        artefacts.append(found := artefact_results(selection, *places))
        print(f"{selection.artefact.name}, {selection.scale} scale: {found.missing or 'complete'}")
        print_verdicts(found.claims)
    everything = len(options.words) == 1 or "all" in options.words
    speed = of_speed(*places, scale, claims) if everything else {}
    for folder, rows in speed.items():
        print(f"speed, {scale} scale" + (f", {folder.name}" if folder else f": {NONE}"))
        print_verdicts(rows)
    verdicts = Verdicts(artefacts, speed, parts)
    if derived := verdicts.derived:
        print("conclusions, from the claims above")
        print_verdicts(one.row for one in derived)
    print(f"diverged: {divergences(row for one in artefacts for row in one.runs or [])}")
    for title, counts in verdicts.counts.items():
        print(f"{title}: {counted(counts)}")
    if lacking := [one.selection.artefact.name for one in artefacts if one.missing]:
        print(f"not complete: {', '.join(lacking)}")
    return int(bool(lacking))
