"""Figure 4: how large a lambda a latent dimension asks for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from benchmarks import grids
from benchmarks.celeba import CELEBA
from benchmarks.harness.claim import FID_NOISE, Claim, Ordering, Range, Trend
from benchmarks.harness.run import Run
from benchmarks.harness.spec import Arm

DIMS = {"paper": (64, 128, 256, 512), "mini": (64, 512), "smoke": (64, 512)}
# of "a wide range between 100 and 144,000" (A13)
LAMBDAS = {"paper": (100, 300, 1000, 3000, 10_000, 30_000, 100_000, 144_000),
           "mini": (100, 3000, 144_000), "smoke": (100, 144_000)}
ERROR = 50.0  # of an epoch, on 64 x 64 x 3, at which training ends (A12)


def template(scale: str) -> Run:
    """At most as long as the main models are trained."""
    return replace(CELEBA.a2(scale), stop_at=ERROR)


BASE = grids.Base(template, CELEBA.settings, CELEBA.scores, (*CELEBA.ambiguities, "A12", "A13"))


def arms(scale: str) -> tuple[Arm, ...]:
    """A panel a dimension."""
    run = template(scale)
    return tuple(Arm(f"d={dim},lam={lam:g}", replace(run, dim=dim, lam=float(lam)), (f"d={dim}",))
                 for dim in DIMS[scale] for lam in LAMBDAS[scale])


def claims(scale: str) -> tuple[Claim, ...]:
    """C11 to C13."""
    panels, place = tuple(f"d={dim}" for dim in DIMS[scale]), "Section 4.2, Figure 4"
    every = tuple((arm.name, 0.0, ERROR) for arm in arms(scale))
    return (
        *grids.with_proxies(
            Claim("C11", "At d = 64 the FID varies less with lambda than at any larger d.", place,
                  Ordering("range:fid", panels[:1], panels[1:], at_least=FID_NOISE)),
            Claim("C12", "The larger d, the larger the lambda that is best.", place,
                  Trend("best_lam:fid", panels, "rises"))),
        Claim("C13[epoch]", "Every configuration reaches an epoch's reconstruction error of 50.",
              place, Range("train_reconstruction", every, True), scales=("paper",)))


ARTEFACT = grids.grid(
    "fig4-latent-dim", "Scores of samples by latent dimension and lambda, CelebA",
    "Figure 4, Section 4.2", BASE, arms,
    partial(grids.table, keep=["lam", "dim"]), claims)
