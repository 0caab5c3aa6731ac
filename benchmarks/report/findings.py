"""`findings`: what was found, in Markdown, every number of it from the results folders."""

from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
import re
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.harness.analysis.verdicts import Effect
from benchmarks.harness.console import shown as shown_path
from benchmarks.harness.errors import UsageError
from benchmarks.harness.results.read import Row
from benchmarks.harness.spec.artefact import Ambiguity
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.files import write_if_changed
from benchmarks.harness.store.provenance import ROOT
from benchmarks.report.blocks import Speed
from benchmarks.report.collect import Report, collect
from benchmarks.report.page import BASES, FOLDER, duration, tunings
from benchmarks.report.table_view import difference, interval, number, shown

STEP = "WAE-MMD step, a2, 64 images of 32 x 32"
BY_REGULARIZER = "step of A2, 64 images of 32 x 32, by regularizer"
LIGHT = ("MMD", "SWD", "Cramer-Wold")  # what should not be felt beside the networks


class Line(NamedTuple):
    """A row of the table."""

    what: str
    time: str
    beside: str


def pace_lines(rows: Sequence[Row]) -> list[Line]:
    """The training step, what regularizers add to it, scores, memory; less what was not timed."""
    known = {(row["group"], row["what"], row["who"]): row for row in rows}
    return [*_steps(known), *_regularizers(known), *_score_lines(rows), *_memory(rows)]


Known = Mapping[tuple[str, str, str], Row]


def _steps(known: Known) -> list[Line]:
    """Of A2, against pythae's trainer on the same network and images."""
    theirs = known.get(("beside pythae", STEP, "pythae's trainer"))
    if theirs is None:  # it is not installed
        return []
    found = [Line("step of A2, pythae's trainer", _time(theirs), "")]
    for precision in ("fp32", "bf16"):
        ours = known["beside pythae", STEP, f"fast, {precision}"]
        ratio = float(theirs["relative"]) / float(ours["relative"])
        found.append(Line(f"step of A2, {precision}", _time(ours),
                          f"{ratio:.2f} times as fast as pythae's"))
    return found


def _regularizers(known: Known) -> list[Line]:
    step = known["regularizer in the step", BY_REGULARIZER, "no regularizer"]
    moca = known["regularizer in the step", BY_REGULARIZER, "MoCA"]
    found = [Line("step of A2 without a regularizer", _time(step), ""),
             Line("step of A2 with MoCA", _time(moca), f"{float(moca['relative']):.2f} times that")]
    for name in LIGHT:
        alone = known["regularizer alone", f"{name}, B = 64, d = 128", "ours"]
        share = float(alone["median"]) / float(step["median"])
        found.append(Line(f"{name} alone, 64 codes of 128", _time(alone), f"{share:.2%} of that"))
    return found


def _score_lines(rows: Sequence[Row]) -> list[Line]:
    """The others' times together, over ours."""
    found = []
    for group, prefix in (("distance", "Frechet distance"), ("evaluation", "FID")):
        same = [row for row in rows if row["group"] == group and row["what"].startswith(prefix)]
        if not same:
            continue
        ours, *others = same
        ratio = sum(float(row["relative"]) for row in others)
        names = " and ".join(row["who"].split(":")[0] for row in others)
        found.append(Line(ours["what"], _time(ours),
                          f"{ratio:.1f} times as fast as {names}{' together' * (len(others) > 1)}"))
    return found


def _memory(rows: Sequence[Row]) -> list[Line]:
    return [Line(f"{row['what']}: {row['who']}", f"{shown(float(row['median']))} MiB", "")
            for row in rows if row["group"] == "memory"]


def _time(row: Row) -> str:
    median = float(row["median"])
    return f"{shown(median / 1000)} s" if median >= 1000 else f"{shown(median)} ms"


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
    return [(each, pace_lines(each.rows)) for each in report.speed if each.scale == "paper"]


def _estimate(row: Row) -> str:
    """Of a claim, with its interval; a dash where nothing was measured."""
    return (shown(number(row["estimate"])) + interval(row, "low", "high")) or "–"


def _varied(report: Report) -> list[tuple[Ambiguity, list[Effect]]]:
    """The choices of which another was run."""
    return [(each, effects) for each, effects in report.open_choices if effects]
