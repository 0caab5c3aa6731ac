"""`findings`: writes FINDINGS.md and the README's generated blocks from the results."""

from argparse import Namespace
from collections.abc import Iterable, Sequence
import re

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.harness.analysis.derived_verdicts import Parts
from benchmarks.harness.console import shown as shown_path
from benchmarks.harness.errors import UsageError
from benchmarks.harness.results.read import Row
from benchmarks.harness.spec.artefact import Ambiguity
from benchmarks.harness.spec.claims import VERDICTS, Claim
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.files import write_if_changed
from benchmarks.harness.store.provenance import ROOT
from benchmarks.report.collect import Report, collect
from benchmarks.report.page import BASES, FOLDER, duration
from benchmarks.report.table_view import compared, difference, interval, number, shown

LIGHT = ("MMD", "SWD", "Cramer-Wold")  # regularizers that cost little beside the networks
Line = tuple[str, str, str]  # timed thing, its time, comparison


def pace_lines(rows: Sequence[Row]) -> list[Line]:
    """Lines on training step, regularizers, scores and memory, as far as they were timed."""
    found = []
    pace = _first_of(rows, "beside pythae")
    if theirs := pace.get("pythae's trainer"):  # it may not be installed
        found.append(("step of A2, pythae's trainer", _time(theirs), ""))
        for precision in ("fp32", "bf16"):
            ours = pace[f"fast, {precision}"]
            ratio = float(theirs["relative"]) / float(ours["relative"])
            found.append((f"step of A2, {precision}", _time(ours),
                          f"{ratio:.2f} times as fast as pythae's"))
    step = _first_of(rows, "regularizer in the step")
    bare, moca = step["no regularizer"], step["MoCA"]
    found += [("step of A2 without a regularizer", _time(bare), ""),
              ("step of A2 with MoCA", _time(moca), f"{float(moca['relative']):.2f} times that")]
    alone = {row["what"]: row for row in rows if row["who"] == "ours"}
    for name in LIGHT:
        ours = alone[f"{name}, B = 64, d = 128"]
        share = float(ours["median"]) / float(bare["median"])
        found.append((f"{name} alone, 64 codes of 128", _time(ours), f"{share:.2%} of that"))
    for group in ("distance", "evaluation"):
        if same := _first_of(rows, group):
            ours, *others = same.values()
            ratio = sum(float(row["relative"]) for row in others)  # of their times together
            names = " and ".join(row["who"].split(":")[0] for row in others)
            found.append((ours["what"], _time(ours), f"{ratio:.1f} times as fast as {names}"
                          + " together" * (len(others) > 1)))
    return found + [(f"{row['what']}: {row['who']}", f"{shown(float(row['median']))} MiB", "")
                    for row in rows if row["group"] == "memory"]


def _first_of(rows: Sequence[Row], group: str) -> dict[str, Row]:
    """The rows of the group's first timed thing, by `who`."""
    found = [row for row in rows if row["group"] == group]
    return {row["who"]: row for row in found if row["what"] == found[0]["what"]}


def _time(row: Row) -> str:
    median = float(row["median"])
    return f"{shown(median / 1000)} s" if median >= 1000 else f"{shown(median)} ms"


FILE, README = "FINDINGS.md", ROOT / "README.md"
BLOCKS = {"findings": "readme.md", "speed": "speed.md"}  # of the README -> template


def findings(
    selections: Iterable[Selection], ambiguities: Iterable[Ambiguity], claims: Sequence[Claim],
    parts: Parts, options: Namespace,
) -> int:
    """Writes FINDINGS.md beside the results and, for this project's own, the README's blocks.

    Raises UsageError for corrupt results, and for any scale but the paper's (mini is included)."""
    if options.scale != "paper":
        raise UsageError("findings are of the paper's scale and mini together; leave --scale out")
    results = options.results_dir
    report = collect(selections, ambiguities, claims, parts, results, options.cache_dir)
    target = results / FILE
    try:
        write_if_changed(target, written(report, "findings.md").encode())
        print(shown_path(target))
        if results == ROOT / "results":
            text = README.read_text(encoding="utf-8")
            write_if_changed(README, opened(text, report).encode())
            print(shown_path(README))
    except OSError as error:
        raise UsageError(f"findings cannot be written: {error}") from None
    return 0


def opened(readme: str, report: Report) -> str:
    """The README with its blocks replaced; raises UsageError unless it has each of them once."""
    for name, template in BLOCKS.items():
        block = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        text = written(report, template)
        escaped = text.replace("\\", r"\\")
        readme, count = block.subn(rf"\g<1>{escaped}\g<2>", readme)
        if count != 1:
            raise UsageError(f"{README} has {count} blocks of {name}, not one")
    return readme


def written(report: Report, template: str) -> str:
    """The text of a template."""
    made = Environment(loader=FileSystemLoader(FOLDER), trim_blocks=True, lstrip_blocks=True,
                       undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    made.filters |= {"duration": duration, "estimate": lambda row: (
                         shown(number(row["estimate"])) + interval(row, "low", "high") or "–"),
                     "difference": difference, "compared": compared,
                     "plain": lambda text: str(text).replace("|", "\\|")}
    paper = {(effect.variation.artefact, effect.variation.arm, effect.variation.statistic): effect
             for _, found in report.open_choices for effect in found if effect.scale == "paper"}
    speeds = [(each, pace_lines(each.rows)) for each in report.speed if each.scale == "paper"]
    return made.get_template(template).render(report=report, bases=BASES, words=VERDICTS,
                                              speeds=speeds, effects=paper)
