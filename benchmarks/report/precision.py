"""What bfloat16 changes of what a run ends with: the same runs in both precisions, paired."""

from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from benchmarks.harness.results import read
from benchmarks.report.cells import number

PRECISION = "bf16"
SCORES = (("fig8-reconstruction", "test_reconstruction"), ("fig3-isotropy", "effective_rank"),
          ("fig3-isotropy", "fd_cifar10"))  # of what is committed at mini scale

Scores = dict[tuple[str, str], float]  # by arm and seed


class Change(NamedTuple):
    """Of one score, relative: bf16 less fp32, over fp32."""

    artefact: str
    score: str
    arms: int
    seeds: int
    mean: float
    least: float
    most: float
    spread: float  # over seeds in fp32: mean over arms of the standard deviation over the mean
    verdicts: list[str]  # claims that have another one in bf16


def changes(results: Path) -> list[Change]:
    """Of what has been run in both precisions at mini scale, by arms with the same seeds."""
    found = []
    for artefact, score in SCORES:
        whole, half = results / "mini" / artefact, results / PRECISION / "mini" / artefact
        before, after = _scores(whole, score), _scores(half, score)
        pairs = sorted(before.keys() & after.keys())
        if pairs:
            ratios = [after[pair] / before[pair] - 1 for pair in pairs]
            found.append(Change(artefact, score, len({arm for arm, _ in pairs}),
                                len({seed for _, seed in pairs}), mean(ratios), min(ratios),
                                max(ratios), _spread(before), _judged_otherwise(whole, half)))
    return found


def _scores(folder: Path, score: str) -> Scores:
    """Of the final models; what an earlier epoch has is overwritten by a later one's."""
    rows = read.tables(folder).get("runs.csv", [])
    return {(row["arm"], row["seed"]): value for row in rows
            if (value := number(row.get(score))) is not None}


def _spread(scores: Scores) -> float:
    by_arm: dict[str, list[float]] = defaultdict(list)
    for (arm, _), value in scores.items():
        by_arm[arm].append(value)
    return mean(stdev(values) / mean(values) if len(values) > 1 else 0.0
                for values in by_arm.values())


def _judged_otherwise(whole: Path, half: Path) -> list[str]:
    said, then = ({row["claim"]: row["verdict"] for row in read.tables(folder)["claims.csv"]
                   if row["role"] == "verdict"} for folder in (whole, half))
    return [claim for claim, verdict in said.items() if then.get(claim) != verdict]
