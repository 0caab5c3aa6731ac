"""Grids: artefacts that compare MoCA's FID along one or two settings (Appendix D, Figure 4)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from benchmarks.harness.spec.artefact import Arm, Artefact, DataFrame
from benchmarks.harness.spec.claims import Claim, Ordering
from benchmarks.recipes import Recipe

SCORES = ["fd_cifar10", "fid", "kid", "test_reconstruction"]
SEEDS = {"paper": 1, "mini": 1, "smoke": 1}
TWO_SEEDS = {"paper": 2, "mini": 2, "smoke": 1}  # of grids whose claims compare single arms


def table(
    rows: DataFrame, keep: list[str], cited: Mapping[str, float] = MappingProxyType({}),
    dataset: str = "",
) -> DataFrame:
    """Scores per arm over the seeds, and the last epoch.

    `keep`: the fields in which the arms differ; `cited`: the paper's FID by arm, shown for runs on
    `dataset`."""
    from benchmarks.harness.analysis.tables import final_scores
    scores = final_scores(rows, [*SCORES, "train_reconstruction", "epoch"], keep)
    if not cited:
        return scores
    return scores.assign(cited_fid=scores["arm"].map(cited).where(scores["dataset"] == dataset))


def with_proxies(*claims: Claim) -> tuple[Claim, ...]:
    """Each claim in FID, followed by its proxy."""
    return tuple(one for claim in claims for one in (claim, claim.by_proxy()))


def grid(
    name: str, caption: str, place: str, figure: str, recipe: Recipe,
    arms: Callable[[str], tuple[Arm, ...]],
    table: Callable[[DataFrame], DataFrame], claims: Callable[[str], tuple[Claim, ...]],
) -> Artefact:
    """A grid as an artefact of one seed; a user's arm is compared with every arm of the grid."""
    def best(scale: str, arm: str) -> Claim:
        others = tuple(one.name for one in arms(scale))
        return Claim(f"best[{arm}]", f"{arm} has a lower fd_cifar10 than every arm of the grid.",
                     place, Ordering("fd_cifar10", (arm,), others), "custom")

    return Artefact(
        name=name, caption=caption, place=place, seeds=SEEDS, arms=arms, figure=figure,
        template=recipe.template, settings=recipe.settings, table=table, claims=claims,
        claim_for=best, ambiguities=recipe.ambiguities,
        measures=lambda scale, seed: recipe.scores(scale))
