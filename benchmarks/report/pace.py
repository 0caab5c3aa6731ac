"""What `speed` measured, in the few lines that the README has room for."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.harness.results.standing import Row
from benchmarks.report.cells import shown

STEP = "WAE-MMD step, a2, 64 images of 32 x 32"
BY_REGULARIZER = "step of A2, 64 images of 32 x 32, by regularizer"
LIGHT = ("MMD", "SWD", "Cramer-Wold")  # what should not be felt beside the networks


class Line(NamedTuple):
    """A row of the table."""

    what: str
    time: str
    beside: str


def lines(rows: Sequence[Row]) -> list[Line]:
    """The training step, what regularizers add to it, scores, memory; less what was not timed."""
    known = {(row["group"], row["what"], row["who"]): row for row in rows}
    return [*_steps(known), *_regularizers(known), *_scores(rows), *_memory(rows)]


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


def _scores(rows: Sequence[Row]) -> list[Line]:
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
