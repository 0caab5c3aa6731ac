"""Everything that the page shows, gathered from the results folders."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from benchmarks.derived_claims import CLAIMS
from benchmarks.harness.analysis.derived_verdicts import (
    Conclusion,
    conclusions,
    divergences,
)
from benchmarks.harness.analysis.verdicts import Effect, effects
from benchmarks.harness.results import read
from benchmarks.harness.results.read import (
    Row,
    Standing,
    distinct,
    of_speed,
    runs_of,
    standing,
    unjudged,
)
from benchmarks.harness.results.rows import read_csv
from benchmarks.harness.spec.artefact import Ambiguity
from benchmarks.harness.spec.claims import SpeedClaim
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.run_folder import Store
from benchmarks.report.blocks import Block, Speed
from benchmarks.report.table_view import number

LINES = 12


class Failure(NamedTuple):
    """A run without numbers."""

    artefact: str
    scale: str
    arm: str
    seed: str
    status: str  # failed or diverged
    detail: str  # the step it diverged at; why it failed, if that is known here
    log: str  # empty where the run is not in the store
    custom: bool  # picked by hand


def failures(standings: Iterable[Standing], store: Store) -> list[Failure]:
    """Of everything that has results, in order; each run once per artefact."""
    found: dict[tuple[str, str, bool, str, str], Failure] = {}
    for one in standings:
        chosen = one.selection
        name, scale, custom = chosen.artefact.name, chosen.scale, chosen.custom
        # which runs those picked by hand were, the tables do not say
        keys = {} if custom else {(entry.arm.name, str(entry.run.seed)): entry.run.key
                                  for entry in chosen.entries()}
        for row in one.runs or []:
            if row["status"] not in ("failed", "diverged"):
                continue
            folder = store.folder(keys.get((row["arm"], row["seed"]), "unknown"))
            known = row["status"] == "failed" and folder.has_failed()
            step = row.get("diverged_step")
            detail = folder.error() if known else f"at step {step}" if step else ""
            found[name, scale, custom, row["arm"], row["seed"]] = Failure(
                name, scale, row["arm"], row["seed"], row["status"], detail,
                _end(folder.path / "log.txt"), custom)
    return list(found.values())


def _end(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").rstrip().splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LINES:])


NAMES = ("python", "platform", "processor", "device", "gpu", "path", "precision")


class Cost(NamedTuple):
    """Of distinct runs: time of training and measuring, in seconds, as those processes saw it."""

    runs: int
    train_seconds: float
    measure_seconds: float


def cost(provenances: Iterable[Mapping[str, Any]]) -> Cost:
    """Of all runs, each counted once however many artefacts show it."""
    trained: dict[str, float] = {}
    measured: dict[tuple[str, str], float] = {}
    for found in provenances:
        for key, run in runs_of(found).items():
            trained[key] = run.get("train_seconds", 0.0)
            for name, measure in run.get("measures", {}).items():
                measured[key, name] = measure["seconds"]
    return Cost(len(trained), sum(trained.values()), sum(measured.values()))


def environment(provenances: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Entry of the environment -> its values -> whose runs had it; `provenances`: by results."""
    table: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, found in provenances.items():
        for run in runs_of(found).values() or [found]:
            packages = {f"package {key}": value for key, value in run.get("packages", {}).items()}
            told = {key: run.get(key) for key in NAMES} | packages | {"commit": run.get("commit")}
            for key, value in told.items():
                if value is not None and name not in table[key][str(value)]:
                    table[key][str(value)].append(name)
    return {key: dict(value) for key, value in table.items()}


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
        before, after = _scores_of(whole, score), _scores_of(half, score)
        pairs = sorted(before.keys() & after.keys())
        if pairs:
            ratios = [after[pair] / before[pair] - 1 for pair in pairs]
            found.append(Change(artefact, score, len({arm for arm, _ in pairs}),
                                len({seed for _, seed in pairs}), mean(ratios), min(ratios),
                                max(ratios), _spread(before), _judged_otherwise(whole, half)))
    return found


def _scores_of(folder: Path, score: str) -> Scores:
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


@dataclass(frozen=True)
class Report:
    """What the page is made of; `scales`: the first is shown in full, the others where run."""

    scales: Sequence[str]
    sections: dict[str, list[Block]]  # by artefact
    speed: list[Speed]
    unmeasured: list[Row]  # of claim C31, where `speed` has not been run
    failures: list[Failure]
    open_choices: list[tuple[Ambiguity, list[Effect]]]
    precisions: list[Change]

    @property
    def blocks(self) -> list[Block]:
        """All of them that are not picked by hand."""
        return [block for blocks in self.sections.values() for block in blocks
                if not block.standing.selection.custom]

    def verdicts(self, scale: str) -> list[Row]:
        """A row per claim, and per conclusion from them."""
        concluded = [
            unjudged(SpeedClaim(each.id, each.text, "", "Conclusion"))
            | {"verdict": each.verdict, "comparison": "the least favourable of "
               + ", ".join(f"{claim} {word}" for claim, word in each.parts.items())}
            for each in self.conclusions(scale)]
        return [*self._judged(scale), *concluded]

    def _judged(self, scale: str) -> list[Row]:
        rows: list[Row] = [row for block in self._at(scale) for row in block.standing.verdicts]
        rows += [row for speed in self.speed if speed.scale == scale for row in speed.claims
                 if row["role"] == "verdict"]
        return distinct(rows + (self.unmeasured if scale == self.scales[0] else []))

    def conclusions(self, scale: str) -> list[Conclusion]:
        """What follows from the paper's claims."""
        said = {row["claim"]: row["verdict"] for row in self._judged(scale)
                if row["basis"] == "paper"}
        return [each for each in conclusions(said) if each.parts]

    def divergences(self, scale: str) -> str:
        """How many runs diverged."""
        return divergences(row for block in self._at(scale) if not block.is_tuning
                           for row in block.standing.runs or [])

    def _at(self, scale: str) -> list[Block]:
        return [block for block in self.blocks if block.standing.selection.scale == scale]

    @property
    def cost(self) -> Cost:
        """Of all runs."""
        return cost(block.provenance for block in self.blocks)

    @property
    def environment(self) -> dict[str, dict[str, list[str]]]:
        """Of all results."""
        return environment(
            {block.name: block.provenance for block in self.blocks if block.provenance}
            | {f"speed-{each.folder.name}-{each.scale}": each.provenance for each in self.speed})


def collect(
    selections: Iterable[Selection], ambiguities: Iterable[Ambiguity], results: Path, cache: Path
) -> Report:
    """Reads what is there; raises UsageError where a file is corrupt."""
    every = list(selections)
    scales = list(dict.fromkeys(selection.scale for selection in every))
    sections: dict[str, list[Block]] = {}
    for selection in every:
        declared = Block(standing(selection, results, cache))
        by_hand = Block(standing(replace(selection, custom=True), results, cache))
        blocks = sections.setdefault(selection.artefact.name, [])
        main = selection.scale == scales[0] and not declared.is_tuning
        blocks += [block for block, wanted in ((declared, main), (by_hand, False))
                   if wanted or block.standing.runs is not None]
    speed = [Speed(scale, folder, rows) for scale in scales
             for folder, rows in of_speed(results, cache, scale)]
    there = [block.standing for blocks in sections.values() for block in blocks]
    return Report(scales, {name: blocks for name, blocks in sections.items() if blocks}, speed,
                  [] if any(each.scale == scales[0] for each in speed)
                  else list(map(unjudged, CLAIMS)),
                  failures(there, Store(cache / "runs")), _varied(ambiguities, there),
                  changes(results) if "mini" in scales else [])


def _varied(
    ambiguities: Iterable[Ambiguity], standings: Iterable[Standing]
) -> list[tuple[Ambiguity, list[Effect]]]:
    known = list(ambiguities)
    wanted = {variation.artefact for each in known for variation in each.variations}
    rows = {(one.selection.artefact.name, one.selection.scale):
            read_csv((one.folder / "runs.csv").read_text()) for one in standings
            if one.runs is not None and not one.selection.custom
            and one.selection.artefact.name in wanted}
    return [(each, effects(each.variations, rows)) for each in known]
