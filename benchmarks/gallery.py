"""Artefacts that show pictures of runs that other artefacts train: the paper's grids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.harness.spec.artefact import Arm, Artefact, Measure
from benchmarks.harness.spec.claims import Claim, Untestable
from benchmarks.harness.spec.run import Run
from methods import Scalar

if TYPE_CHECKING:
    from pandas import DataFrame

SHOWN = {"samples": 64, "reconstructions": 32, "interpolations": 16}  # images that are asked for
SCORES = ["fd_cifar10", "fid", "kid", "test_reconstruction"]
REASON = "whether a picture looks realistic is for its reader to say"


class Models(NamedTuple):
    """Whose pictures are shown; the functions are of the scale."""

    arms: Callable[[str], tuple[Arm, ...]]
    template: Callable[[str], Run]
    settings: Callable[[str], Mapping[str, Mapping[str, Scalar]]]
    scores: Callable[[str], tuple[Measure, ...]]
    ambiguities: tuple[str, ...]
    epoch: Callable[[str], int | None] = lambda scale: None  # of a snapshot, if it is not the last


def table(models: Models, rows: DataFrame) -> DataFrame:
    """Per arm the scores beside its pictures; `exhibit`: what these are called."""
    from benchmarks.harness.analysis.tables import exhibited, final_scores
    epoch = models.epoch(str(rows["scale"].iloc[0]))
    if epoch is None:
        return exhibited(rows, final_scores(rows, SCORES))
    rows = rows[~(rows["epoch"] > epoch)]
    return exhibited(rows, final_scores(rows, SCORES)).assign(epoch=epoch)


def shown(models: Models, shows: tuple[str, ...], scale: str) -> tuple[Measure, ...]:
    """The scores, and the pictures that `shows` names."""
    return (*models.scores(scale),
            *(Measure(picture, SHOWN[picture], models.epoch(scale)) for picture in shows))


def gallery(
    name: str, caption: str, place: str, shows: tuple[str, ...], models: Models
) -> Artefact:
    """An artefact of seed 0 of each arm: the pictures that `shows` names, and the scores."""
    claim = Claim("C29", "Samples, reconstructions and interpolations look realistic.", place,
                  Untestable(REASON))
    return Artefact(
        name=name, caption=caption, place=place, seeds={"paper": 1, "mini": 1, "smoke": 1},
        arms=models.arms, template=models.template, settings=models.settings,
        table=partial(table, models),
        claims=lambda scale: (claim,), claim_for=lambda scale, arm: claim,
        ambiguities=models.ambiguities,
        measures=lambda scale, seed: shown(models, shows, scale))
