"""Figure 9: the best lambda at each image size."""

from functools import partial

from benchmarks import grid_artefact
from benchmarks.harness.spec.artefact import Arm
from benchmarks.harness.spec.claims import Claim, Range, Untestable
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import CELEBA_HQ, resized
from methods import Scalar

LAMBDAS = {"paper": (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000),
           "mini": (100, 2000, 50_000), "smoke": (100, 50_000)}
SIDES = {"paper": (32, 64, 256), "mini": (32, 64), "smoke": (16, 32)}
EPOCHS = {"paper": 400, "mini": 4, "smoke": 2}
LARGEST, FROM = 256, 5000  # at 256 x 256 the paper has no lambda below 5000


def template(scale: str) -> Run:
    """MoCA on the largest images, the template of a user's arm."""
    return resized(scale, SIDES[scale][-1], 20_000.0, EPOCHS[scale])


def settings(scale: str) -> dict[str, dict[str, Scalar]]:
    """The main model's settings, except for m0."""
    return {"moca": dict(template(scale).hyper)}


RECIPE = CELEBA_HQ.recipe._replace(template=template, settings=settings,
                                   ambiguities=(*CELEBA_HQ.ambiguities, "A10"))


def arms(scale: str) -> tuple[Arm, ...]:
    """One panel per image size."""
    return tuple(
        Arm(f"side={side},lam={lam:g}",
            resized(scale, side, float(lam), EPOCHS[scale]), (f"side={side}",))
        for side in SIDES[scale] for lam in LAMBDAS[scale] if side < LARGEST or lam >= FROM)


def claims(scale: str) -> tuple[Claim, ...]:
    """C22 in two parts, and C22b."""
    place = "Appendix D.2, Table 3"
    return (
        *grid_artefact.with_proxies(
            Claim("C22[monotone]", "The larger the images, the larger the best lambda.", place,
                  Range("grows:fid", (("side=*", 1.0, 1.0),))),
            Claim("C22[linear]", "The best lambda grows in proportion to the number of pixels (a "
                  "slope of .5 to 1.5 on logarithmic axes).", place,
                  Range("slope:fid", (("side=*", 0.5, 1.5),)))),
        Claim("C22b", "At 256 x 256 the samples deteriorate below lambda = 5000.", "Appendix D.2",
              Untestable("the paper's grid has no lambda below 5000 at that size, nor has ours")))


ARTEFACT = grid_artefact.grid(
    "fig9-input-size", "Scores of samples by the images' size and lambda, CelebA-HQ",
    "Figure 9, Appendix D.2", "lambda_curves", RECIPE, arms,
    partial(grid_artefact.table, keep=["lam", "image_size"]), claims)
