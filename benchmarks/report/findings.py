"""`findings`: what was found, in Markdown, every number of it from the results folders."""

from argparse import Namespace
from collections.abc import Iterable
import re

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.harness.analysis.effects import Effect
from benchmarks.harness.command.conclusion import shown as shown_path
from benchmarks.harness.errors import UsageError
from benchmarks.harness.results.standing import Row
from benchmarks.harness.spec.ambiguity import Ambiguity
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.files import write_if_changed
from benchmarks.harness.store.provenance import ROOT
from benchmarks.report.blocks import Speed
from benchmarks.report.cells import difference, interval, number, shown
from benchmarks.report.collect import Report, collect
from benchmarks.report.pace import Line, lines
from benchmarks.report.page import BASES, FOLDER, duration, tunings

FILE, README = "FINDINGS.md", ROOT / "README.md"
BLOCKS = {"findings": "readme.md", "speed": "speed.md"}  # of the README -> template


def findings(
    selections: Iterable[Selection], ambiguities: Iterable[Ambiguity], options: Namespace
) -> int:
    """Writes FINDINGS.md beside the results and, for those of this project, the README's blocks.

    Raises UsageError for corrupt results, and for any scale but the paper's, which mini goes with.
    """
    if options.scale != "paper":
        raise UsageError("findings are of the paper's scale and mini together; leave --scale out")
    results = options.results_dir.resolve()
    report = collect(selections, ambiguities, results, options.cache_dir.resolve())
    target = results / FILE
    try:
        write_if_changed(target, written(report, "findings.md").encode())
        print(shown_path(target))
        if results == ROOT / "results":
            text = README.read_text()
            write_if_changed(README, opened(text, report).encode())
            print(shown_path(README))
    except OSError as error:
        raise UsageError(f"findings cannot be written: {error}") from None
    return 0


def opened(readme: str, report: Report) -> str:
    """The README with its blocks brought up to date; UsageError if it does not have each once."""
    for name, template in BLOCKS.items():
        block = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        text = written(report, template)
        escaped = text.replace("\\", r"\\")
        readme, count = block.subn(rf"\g<1>{escaped}\g<2>", readme)
        if count != 1:
            raise UsageError(f"{README} has {count} blocks of {name}, not one")
    return readme


def written(report: Report, template: str) -> str:
    """One of the templates, filled in."""
    made = Environment(loader=FileSystemLoader(FOLDER), trim_blocks=True, lstrip_blocks=True,
                       undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    made.filters |= {"duration": duration, "estimate": _estimate, "difference": difference,
                     "plain": lambda text: str(text).replace("|", "\\|")}
    return made.get_template(template).render(
        report=report, bases=BASES, tunings=tunings(report), varied=_varied(report),
        speeds=_speed(report), precisions=report.precisions, effects=_at_paper_scale(report))


def _at_paper_scale(report: Report) -> dict[tuple[str, str, str], Effect]:
    """By artefact, arm and statistic."""
    return {(effect.variation.artefact, effect.variation.arm, effect.variation.statistic): effect
            for _, found in report.open_choices for effect in found if effect.scale == "paper"}


def _speed(report: Report) -> list[tuple[Speed, list[Line]]]:
    """Of every machine that it was measured on, at the paper's scale."""
    return [(each, lines(each.rows)) for each in report.speed if each.scale == "paper"]


def _estimate(row: Row) -> str:
    """Of a claim, with its interval; a dash where nothing was measured."""
    return (shown(number(row["estimate"])) + interval(row, "low", "high")) or "–"


def _varied(report: Report) -> list[tuple[Ambiguity, list[Effect]]]:
    """The choices of which another was run."""
    return [(each, effects) for each, effects in report.open_choices if effects]
