"""Figure 9: the best lambda at each image size."""

from functools import partial

from benchmarks import grid_artefact
from benchmarks.harness.spec.artefact import Arm
from benchmarks.harness.spec.claims import (
    FID_NOISE,
    Claim,
    Ordering,
    Range,
    Test,
    Untestable,
    joined,
)
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import CELEBA_HQ, resized
from methods import Scalar

LAMBDAS = {"paper": (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000),
           "mini": (100, 2000, 50_000), "smoke": (100, 50_000)}
SIDES = {"paper": (32, 64, 256), "mini": (32, 64), "smoke": (16, 32)}
EPOCHS = {"paper": 400, "mini": 4, "smoke": 2}
LARGEST, FROM = 256, 5000  # at 256 x 256 the paper has no lambda below 5000
LOW = (1000, 2000)  # those that C22b asks for
PLACE = "Appendix D.2, Table 3"
D, HQ = "", "main model,"  # whose MoCA settings: Appendix D's, or the main model's on CelebA-HQ
BELOW = "below 5000"
TEXTS = {
    "C22[monotone]": "The larger the images, the larger the best lambda.",
    "C22[linear]": "The best lambda grows in proportion to the number of pixels (a slope of .5 to "
                   "1.5 on logarithmic axes).",
    "C22b": "At 256 x 256 the samples deteriorate below lambda = 5000: the best FID is higher "
            "there."}


def template(scale: str) -> Run:
    """MoCA on the largest images, the template of a user's arm."""
    return resized(scale, SIDES[scale][-1], 20_000.0, EPOCHS[scale])


def settings(scale: str) -> dict[str, dict[str, Scalar]]:
    """The template's hyper-parameters."""
    return {"moca": dict(template(scale).hyper)}


RECIPE = CELEBA_HQ.recipe._replace(template=template, settings=settings,
                                   ambiguities=(*CELEBA_HQ.ambiguities, "A10"))


def readings(scale: str) -> dict[str, str]:
    """The note in a claim's id by the prefix of a reading's panels (A8).

    Mini scale has Appendix D's settings alone, to finish in half an hour."""
    of_d = {D: "[Appendix D]"}
    return of_d if scale == "mini" else of_d | {HQ: "[main model]"}


def arms(scale: str) -> tuple[Arm, ...]:
    """One panel per image size and reading, and one for the small lambdas at the largest size."""
    found = []
    for prefix in readings(scale):
        panels = [(side, lam, f"side={side}") for side in SIDES[scale] for lam in LAMBDAS[scale]
                  if side < LARGEST or lam >= FROM]
        panels += [(LARGEST, lam, BELOW) for lam in LOW if LARGEST in SIDES[scale]]
        found += [Arm(f"{prefix}side={side},lam={lam:g}",
                      resized(scale, side, float(lam), EPOCHS[scale], as_main=prefix == HQ),
                      (f"{prefix}{panel}",), int(prefix == HQ)) for side, lam, panel in panels]
    return tuple(found)


def of_reading(scale: str, prefix: str, note: str) -> dict[str, Claim]:
    """C22 in two parts and C22b with one of the readings' settings, by claim."""
    every, large = f"{prefix}side=*", f"{prefix}side={LARGEST}"
    tests: dict[str, Test] = {
        "C22[monotone]": Range("grows:fid", ((every, 1.0, 1.0),)),
        "C22[linear]": Range("slope:fid", ((every, 0.5, 1.5),)),
        "C22b": (Ordering("best:fid", (large,), (f"{prefix}{BELOW}",), at_least=FID_NOISE)
                 if LARGEST in SIDES[scale] else
                 Untestable("images of 256 x 256 are run at paper scale alone"))}
    return {id: Claim(f"{id}{note}", TEXTS[id], PLACE, test) for id, test in tests.items()}


def claims(scale: str) -> tuple[Claim, ...]:
    """C22 in two parts, and C22b."""
    of = [of_reading(scale, *reading) for reading in readings(scale).items()]
    return grid_artefact.with_proxies(*(
        joined(id, text, PLACE, [each[id] for each in of]) for id, text in TEXTS.items()))


ARTEFACT = grid_artefact.grid(
    "fig9-input-size", "Scores of samples by the images' size and lambda, CelebA-HQ",
    "Figure 9, Appendix D.2", "lambda_curves", RECIPE, arms,
    partial(grid_artefact.table, keep=["lam", "image_size"]), claims)
