"""Figure 2: distance in image space between samples and test set, over the training, by lambda."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.cifar10 import CIFAR10
from benchmarks.fig2_claims import LAMBDAS, METHODS, claims, lower, name
from benchmarks.harness.spec.artefact import Arm, Artefact, Curve, Measure
from benchmarks.harness.spec.run import Run

if TYPE_CHECKING:
    from pandas import DataFrame

EVERY = 5  # epochs, Section 4.1


def template(scale: str) -> Run:
    """Section 4.1: architecture A2, the same settings for all."""
    return CIFAR10.template(scale, "a2")


def arms(scale: str) -> tuple[Arm, ...]:
    """Every lambda for MoCA and for WAE-MMD with either prior, a panel each."""
    found = []
    for lam in LAMBDAS[scale]:
        runs = [replace(template(scale), lam=float(lam)),
                *(CIFAR10.rival(scale, "a2", "mmd", prior, float(lam))
                  for prior in ("sphere", "gaussian"))]
        found += [Arm(name(method, lam), run, (method,))
                  for method, run in zip(METHODS, runs, strict=True)]
    return tuple(found)


def curves(scale: str) -> tuple[Curve, ...]:
    """Section 4.1: from the start on, after every fifth epoch."""
    return (Curve("image_swd", CIFAR10.n_eval[scale], EVERY),)


def measures(scale: str, seed: int) -> tuple[Measure, ...]:
    """Of the final models, what the curve does not say."""
    return tuple(Measure(name, CIFAR10.n_eval[scale]) for name in ("reconstruction", "latent_swd"))


def table(rows: DataFrame) -> DataFrame:
    """Per panel, lambda and epoch: mean, deviation and 95 % interval of the distance."""
    from benchmarks.harness.analysis.tables import curve_table
    return curve_table(rows, ["swd_image_std", "swd_image_unit"], keep=["lam"])


ARTEFACT = Artefact(
    name="fig2-convergence",
    caption="Distance of samples to the test images over the training, by lambda, CIFAR-10",
    place="Figure 2, Section 4.1",
    seeds={"paper": 1, "mini": 1, "smoke": 1},
    arms=arms,
    template=template,
    settings=CIFAR10.settings,
    table=table,
    claims=claims,
    claim_for=lower,
    ambiguities=(*CIFAR10.ambiguities, "A16", "A30"),
    measures=measures,
    curves=curves,
)
