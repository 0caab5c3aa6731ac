"""Everything that the page shows, gathered from the results folders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.derived_claims import CLAIMS, SpeedClaim
from benchmarks.harness.analysis.derived_verdicts import (
    Conclusion,
    conclusions,
    divergences,
)
from benchmarks.harness.analysis.effects import Effect, effects
from benchmarks.harness.results.standing import (
    Row,
    Standing,
    distinct,
    of_speed,
    standing,
    unjudged,
)
from benchmarks.harness.results.write import read_csv
from benchmarks.harness.spec.ambiguity import Ambiguity
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.run_folder import Store
from benchmarks.report.blocks import Block, Speed
from benchmarks.report.failures import Failure, failures
from benchmarks.report.origin import Cost, cost, environment
from benchmarks.report.precision import Change, changes


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
