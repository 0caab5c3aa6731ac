"""Figure 4: scores by latent dimension and lambda."""

from dataclasses import replace
from functools import partial

from benchmarks import grid_artefact
from benchmarks.harness.spec.artefact import Arm
from benchmarks.harness.spec.claims import (
    FID_NOISE,
    Claim,
    Counted,
    Ordering,
    Range,
    Test,
    Trend,
    joined,
)
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import CELEBA, with_temperature

DIMS = {"paper": (64, 128, 256, 512), "mini": (64, 512), "smoke": (64, 512)}
# our choice from "a wide range between 100 and 144,000" (A13)
LAMBDAS = {"paper": (100, 300, 1000, 3000, 10_000, 30_000, 100_000, 144_000),
           "mini": (100, 3000, 144_000), "smoke": (100, 144_000)}
PLACE = "Section 4.2, Figure 4"
ERROR = 50.0  # an epoch's reconstruction error, on 64 x 64 x 3, that ends training (A12)


def template(scale: str) -> Run:
    """The main model; training ends early at an epoch's reconstruction error of 50."""
    return replace(CELEBA.moca(scale), stop_at=ERROR)


RECIPE = CELEBA.recipe._replace(template=template,
                                ambiguities=(*CELEBA.ambiguities, "A12", "A13"))


def arms(scale: str) -> tuple[Arm, ...]:
    """One panel per dimension; except at mini scale, also at tau = 1 (A8)."""
    runs = {(dim, lam): replace(template(scale), dim=dim, lam=float(lam))
            for dim in DIMS[scale] for lam in LAMBDAS[scale]}
    cold = tuple(Arm(f"d={dim},lam={lam:g}", run, (f"d={dim}",))
                 for (dim, lam), run in runs.items())
    if scale == "mini":
        return cold
    return cold + tuple(
        Arm(f"tau=1,d={dim},lam={lam:g}", with_temperature(run, 1.0), (f"tau=1,d={dim}",), 1)
        for (dim, lam), run in runs.items())


TEXTS = {
    "C11": "At d = 64 the FID varies less with lambda than at any larger d.",
    "C12": "The larger d, the larger the lambda that is best.",
    "C12[enough]": "At the largest d the FID comes within a tenth of the best at d = 64 only at a "
                   "larger lambda than at d = 64."}


def by_dimension(scale: str, prefix: str, reading: str) -> dict[str, Claim]:
    """The readings of C11 and C12 at one of the temperatures, by claim."""
    panels = tuple(f"{prefix}d={dim}" for dim in DIMS[scale])
    tests: dict[str, Test] = {
        "C11": Ordering("range:fid", panels[:1], panels[1:], at_least=FID_NOISE),
        "C12": Trend("best_lam:fid", panels, "rises"),
        "C12[enough]": Range("enough_grows:fid", ((f"{prefix}d=*", 1.0, 1.0),))}
    return {id: Claim(f"{id}[{reading}]", TEXTS[id], PLACE, test) for id, test in tests.items()}


# the limit of L_neg at the uniform law and tau = .05, in closed form
LIMITS = {64: 2.99261, 128: 1.54429, 256: 0.77890, 512: 0.39033}
SHRINKS = Claim(
    "C35", "For codes of one law, the uniform, the contrastive term is smaller the larger d is.",
    PLACE, Counted(tuple((f"L_neg at d = {2 * dim} over that at {dim}",
                          LIMITS[2 * dim] / LIMITS[dim], 0.0, 1.0) for dim in (64, 128, 256))))


def claims(scale: str) -> tuple[Claim, ...]:
    """C11 to C13 and C35; that the best lambda itself rises is our form of C12."""
    every = tuple((arm.name, 0.0, ERROR) for arm in arms(scale) if not arm.stage)
    at = [by_dimension(scale, "", "tau=0.05")]
    if scale != "mini":
        at.append(by_dimension(scale, "tau=1,", "tau=1"))
    return (
        *grid_artefact.with_proxies(*(
            joined(id, text, PLACE, [each[id] for each in at], "ours" if id == "C12" else "paper")
            for id, text in TEXTS.items())),
        SHRINKS,
        Claim("C13[epoch]", "Every configuration reaches an epoch's reconstruction error of 50.",
              PLACE, Range("train_reconstruction", every, True), scales=("paper",)))


ARTEFACT = grid_artefact.grid(
    "fig4-latent-dim", "Scores of samples by latent dimension and lambda, CelebA",
    "Figure 4, Section 4.2", "lambda_curves", RECIPE, arms,
    partial(grid_artefact.table, keep=["lam", "dim"]), claims)
