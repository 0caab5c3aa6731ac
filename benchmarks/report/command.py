"""`report`: writes the page, serves it, or exports its tables."""

from argparse import Namespace
from collections.abc import Iterable, Sequence

from benchmarks.harness.analysis.derived_verdicts import Parts
from benchmarks.harness.console import shown
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.artefact import Ambiguity
from benchmarks.harness.spec.claims import Claim
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.files import write_atomically
from benchmarks.report.collect import Report, collect
from benchmarks.report.export import export
from benchmarks.report.page import render
from benchmarks.report.serve import serve


def report(
    selections: Iterable[Selection], ambiguities: Iterable[Ambiguity], claims: Sequence[Claim],
    parts: Parts, options: Namespace,
) -> int:
    """Writes, serves or exports the report; returns 0. Raises UsageError for corrupt results."""
    chosen, known = list(selections), list(ambiguities)
    results, cache = options.results_dir, options.cache_dir

    def collected() -> Report:
        return collect(chosen, known, claims, parts, results, cache)

    if options.serve:
        return serve(options.serve, chosen, collected, cache)
    found = collected()
    if options.export:
        return export(found, options.export)
    folders = {"paper": results, "mini": results / "mini", "smoke": cache / "smoke"}
    target = folders[chosen[0].scale] / "report.html"  # beside the results that it shows
    try:
        write_atomically(target, render(found).encode())
    except OSError as error:
        raise UsageError(f"the report cannot be written to {target}: {error.strerror}; choose "
                         "another folder with --results-dir") from None
    print(f"{shown(target)} ({target.stat().st_size / 1e6:.1f} MB)")
    return 0
