"""`verify`: the verdict on every claim of the paper, as the results that are there have it."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable

from benchmarks import derived_claims
from benchmarks.harness.analysis.derived_verdicts import conclusions, divergences
from benchmarks.harness.console import print_verdicts, verdict_line
from benchmarks.harness.results.read import (
    NONE,
    Row,
    distinct,
    of_speed,
    standing,
    unjudged,
)
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.run_folder import Store


def verify(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Prints a table of verdicts per artefact and a count; 0 if every artefact is complete.

    Raises UsageError where a table is corrupt.
    """
    said: list[Row] = []
    runs: list[dict[str, str]] = []
    open_artefacts = []
    results, cache = options.results_dir.resolve(), options.cache_dir.resolve()
    for selection in selections:
        found = standing(selection, results, cache)
        name = selection.artefact.name
        print(f"{name}, {selection.scale} scale: {found.lacks or 'complete'}")
        if found.lacks:
            open_artefacts.append(name)
        print_verdicts(found.verdicts)
        said += found.verdicts
        runs += found.runs or []
    if len(options.words) == 1 or "all" in options.words:
        said += _of_speed(options, selections[0].scale)
    said += _concluded(said)
    print(f"diverged: {divergences(runs)}")
    _count(said)
    if open_artefacts:
        print(f"not complete: {', '.join(open_artefacts)}")
    return int(bool(open_artefacts))


def _of_speed(options: Namespace, scale: str) -> list[Row]:
    """Prints and returns what became of C31 on each device."""
    found: list[Row] = []
    for folder, rows in of_speed(options.results_dir.resolve(), options.cache_dir.resolve(), scale):
        print(f"speed, {scale} scale, {folder.name}")
        print_verdicts(rows)
        found += [row for row in rows if row["role"] == "verdict"]
    if not found:
        print(f"speed, {scale} scale: {NONE}")
        found += map(unjudged, derived_claims.CLAIMS)
        print_verdicts(found)
    return found


def _concluded(said: Iterable[Row]) -> list[Row]:
    """Prints and returns what follows from the paper's claims that were looked at, if anything."""
    found = [each for each in conclusions({row["claim"]: row["verdict"] for row in said
                                           if row["basis"] == "paper"}) if each.parts]
    if found:
        print("conclusions, from the claims above")
    for each in found:
        print(verdict_line(each.id, each.verdict, "paper", each.text))
        print(f"  {'':<28} from " + ", ".join(f"{claim} {verdict}"
                                              for claim, verdict in each.parts.items()))
    return [{"claim": each.id, "basis": "paper", "verdict": each.verdict, "text": each.text}
            for each in found]


def _count(said: Iterable[Row]) -> None:
    rows = distinct(said)
    for kind, proxies in (("paper and ours", False), ("by proxy", True)):
        counts = Counter(row["verdict"] for row in rows if (row["basis"] == "proxy") is proxies)
        print(f"{kind}: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items())))
