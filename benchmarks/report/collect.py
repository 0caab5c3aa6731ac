"""Collects everything that the page shows from the results folders."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from benchmarks.harness.analysis.derived_verdicts import Parts, divergences
from benchmarks.harness.analysis.verdicts import Effect, effects
from benchmarks.harness.results import read
from benchmarks.harness.results.rows import read_csv
from benchmarks.harness.spec.artefact import Ambiguity
from benchmarks.harness.spec.claims import Claim
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
    detail: str  # the step of a divergence, or the error if the run is in the store
    log: str  # empty where the run is not in the store
    custom: bool  # picked by hand


def failures(artefacts: Iterable[read.ArtefactResults], store: Store) -> list[Failure]:
    """The failed and diverged runs in order, each once per artefact."""
    found: dict[tuple[str, str, bool, str, str], Failure] = {}
    for one in artefacts:
        chosen = one.selection
        name, scale, custom = chosen.artefact.name, chosen.scale, chosen.custom
        # the tables do not say which runs the picked arms were
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
        lines = path.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LINES:])


NAMES = ("python", "platform", "processor", "device", "gpu", "driver", "cuda", "cudnn", "path",
         "precision")


class Cost(NamedTuple):
    """Totals over distinct runs, in seconds of wall time."""

    runs: int
    train_seconds: float
    measure_seconds: float


PRECISION = "bf16"
SCORES = (("fig8-reconstruction", "test_reconstruction"), ("fig3-isotropy", "effective_rank"),
          ("fig3-isotropy", "fd_cifar10"))  # of what is committed at mini scale


class Change(NamedTuple):
    """Relative change of a score from fp32 to bf16."""

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
    """The changes of scores with runs in both precisions at mini scale, paired by arm and seed."""
    found = []
    for artefact, score in SCORES:
        whole, half = results / "mini" / artefact, results / PRECISION / "mini" / artefact
        before, after = _scores_of(whole, score), _scores_of(half, score)
        pairs = sorted(before.keys() & after.keys())
        if pairs:
            ratios = [after[pair] / before[pair] - 1 for pair in pairs]
            by_arm: dict[str, list[float]] = defaultdict(list)
            for (arm, _), value in before.items():
                by_arm[arm].append(value)
            spread = mean(stdev(values) / mean(values) if len(values) > 1 else 0.0
                          for values in by_arm.values())
            said, then = ({row["claim"]: row["verdict"] for row in read.tables(folder)["claims.csv"]
                           if row["role"] in ("verdict", "reading")} for folder in (whole, half))
            found.append(Change(artefact, score, len({arm for arm, _ in pairs}),
                                len({seed for _, seed in pairs}), mean(ratios), min(ratios),
                                max(ratios), spread, [claim for claim, verdict in said.items()
                                                      if then.get(claim) != verdict]))
    return found


def _scores_of(folder: Path, score: str) -> dict[tuple[str, str], float]:
    """Final scores by (arm, seed)."""
    rows = read.tables(folder).get("runs.csv", [])
    return {(row["arm"], row["seed"]): value for row in rows
            if (value := number(row.get(score))) is not None}


@dataclass(frozen=True)
class Report:
    """The content of the page; the first of `scales` is shown in full, others if they were run."""

    scales: Sequence[str]
    sections: dict[str, list[Block]]  # by artefact
    judged: dict[str, read.Verdicts]  # by scale
    failures: list[Failure]
    open_choices: list[tuple[Ambiguity, list[Effect]]]
    precisions: list[Change]

    @property
    def blocks(self) -> list[Block]:
        """All blocks but those of picked arms."""
        return [block for blocks in self.sections.values() for block in blocks
                if not block.results.selection.custom]

    @property
    def speed(self) -> list[Speed]:
        """Results of `speed` per device and scale."""
        return [Speed(scale, folder, rows) for scale, found in self.judged.items()
                for folder, rows in found.speed.items() if folder]

    def verdicts(self, scale: str) -> list[read.JudgedClaim]:
        """The claims and the derived ones, with their readings."""
        return self.judged[scale].every

    def divergences(self, scale: str) -> str:
        """Counts of diverged runs, in words."""
        return divergences(row for block in self.blocks
                           if block.results.selection.scale == scale and not block.is_tuning
                           for row in block.results.runs or [])

    @property
    def cost(self) -> Cost:
        """Cost of all runs, each counted once."""
        trained: dict[str, float] = {}
        measured: dict[tuple[str, str], float] = {}
        for block in self.blocks:
            for key, run in read.runs_of(block.provenance).items():
                trained[key] = run.get("train_seconds", 0.0)
                for name, measure in run.get("measures", {}).items():
                    measured[key, name] = measure["seconds"]
        return Cost(len(trained), sum(trained.values()), sum(measured.values()))

    @property
    def environment(self) -> dict[str, dict[str, list[str]]]:
        """Entry of the environment -> its values -> names of the results with that value."""
        places = {block.name: block.provenance for block in self.blocks if block.provenance}
        places |= {f"speed-{each.folder.name}-{each.scale}": each.provenance for each in self.speed}
        table: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for name, found in places.items():
            for run in read.runs_of(found).values() or [found]:
                packages = {f"package {key}": version
                            for key, version in run.get("packages", {}).items()}
                told = {key: run.get(key) for key in NAMES} | packages
                for key, value in (told | {"commit": run.get("commit")}).items():
                    if value is not None and name not in table[key][str(value)]:
                        table[key][str(value)].append(name)
        return {key: dict(value) for key, value in table.items()}


def collect(
    selections: Iterable[Selection], ambiguities: Iterable[Ambiguity], claims: Sequence[Claim],
    parts: Parts, results: Path, cache: Path,
) -> Report:
    """Collects the report; raises UsageError if a file is corrupt.

    `claims`: of `speed`; `parts`: of derived claims."""
    every = list(selections)
    scales = list(dict.fromkeys(selection.scale for selection in every))
    sections: dict[str, list[Block]] = defaultdict(list)
    for selection in every:
        declared = Block(read.artefact_results(selection, results, cache))
        by_hand = Block(read.artefact_results(replace(selection, custom=True), results, cache))
        main = selection.scale == scales[0] and not declared.is_tuning
        sections[selection.artefact.name] += [
            block for block, wanted in ((declared, main), (by_hand, False))
            if wanted or block.results.runs is not None]
    sections = {name: blocks for name, blocks in sections.items() if blocks}
    there = [block.results for blocks in sections.values() for block in blocks]
    judged = {scale: read.Verdicts(
        [one for one in there if one.selection.scale == scale and not one.selection.custom],
        read.of_speed(results, cache, scale, claims if scale == scales[0] else ()), parts)
        for scale in scales}
    return Report(scales, sections, judged, failures(there, Store(cache / "runs")),
                  _varied(ambiguities, there), changes(results) if "mini" in scales else [])


def _varied(
    ambiguities: Iterable[Ambiguity], artefacts: Iterable[read.ArtefactResults]
) -> list[tuple[Ambiguity, list[Effect]]]:
    known = list(ambiguities)
    wanted = {variation.artefact for each in known for variation in each.variations}
    rows = {(one.selection.artefact.name, one.selection.scale):
            read_csv((one.folder / "runs.csv").read_text(encoding="utf-8")) for one in artefacts
            if one.runs is not None and not one.selection.custom
            and one.selection.artefact.name in wanted}
    return [(each, effects(each.variations, rows)) for each in known]
