"""Figure 1: how fast each objective alone drives the latent distribution to the prior."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.fig1_claims import (
    BASELINES,
    OTHER_TAUS,
    PAPER_TAUS,
    UNALIGNED,
    UNMOVED,
    claims,
    faster,
)
from benchmarks.harness.spec.artefact import ON_A_PROCESSOR, Arm, Artefact, Curve
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from methods import Scalar

if TYPE_CHECKING:
    from pandas import DataFrame

OURS = ("uniformity", "gan", "cramer-wold")


def template(scale: str) -> Run:
    """Section 4.1: 1000 points of R^100, two-layer MLP to R^128, Adam 1e-3, 80 epochs (A17)."""
    n_train = 192 if scale == "smoke" else 1000
    epochs = {"paper": 80, "mini": 8, "smoke": 2}[scale]
    run = Run("synthetic-normal", n_train, "mlp2", "mmd", (), "", dim=128, epochs=epochs, batch=64,
              objective="latent", lam=1.0, lr=1e-3)
    return resolve(run, "mmd", {})


def settings(scale: str) -> dict[str, dict[str, Scalar]]:
    """As many keys as there are points (A17), and the critic of WAE's small data sets."""
    keys: dict[str, Scalar] = {"K": template(scale).n_train}
    return {"moca": keys, "repulsion": keys, "gan": {"hidden": 512, "critic_lr": 5e-4}}


def arms(scale: str) -> tuple[Arm, ...]:
    """The main panel, then the sensitivity to what the paper leaves open (METHODS section 5)."""
    base = template(scale)
    full = replace(base, batch=base.n_train, n_prior=base.n_train)
    uniform = replace(base, dataset="synthetic-uniform")

    def method(run: Run, name: str, **hyper: Scalar) -> Run:
        return resolve(run, name, {**settings(scale).get(name, {}), **hyper})

    def moca(tau: float, *panels: str, run: Run = base, suffix: str = "", stage: int = 1) -> Arm:
        return Arm(f"moca[tau={tau:g}]{suffix}", method(run, "moca", tau=tau), panels, stage)

    main = [moca(tau, "main", "temperature", stage=0) for tau in PAPER_TAUS]
    main += [Arm(name, method(base, name)) for name in (*BASELINES, *OURS)]
    other = [moca(tau, "temperature") for tau in OTHER_TAUS]
    masked = method(base, "moca", tau=0.05, mask_self=True)
    decoupled = method(base, "moca", tau=0.05, decoupled=True)
    other += [Arm("moca[tau=0.05,mask_self]", masked, ("temperature",), 1),
              Arm("moca[tau=0.05,decoupled]", decoupled, ("temperature",), 1),
              Arm("uniformity[literal]", method(base, "uniformity", variant="literal"),
                  ("temperature",), 1),
              Arm(UNMOVED, method(base, "moca", tau=0.1, m0=0.0), ("temperature",), 1),
              Arm(UNALIGNED, method(base, "repulsion", tau=0.1), ("temperature",), 1)]
    for panel, run in (("full batch", full), ("uniform data", uniform)):
        other += [moca(tau, panel, run=run, suffix=f" {panel}") for tau in PAPER_TAUS]
        other += [Arm(f"{name} {panel}", method(run, name), (panel,), 1)
                  for name in (*BASELINES, "uniformity")]
    return (*main, *other)


def table(rows: DataFrame) -> DataFrame:
    """Per panel, arm and epoch: mean, deviation and 95 % interval over seeds; and the floor."""
    from benchmarks.harness.analysis.tables import floored_curves
    return floored_curves(rows, {"swd2_root": "floor_root", "swd2_sq": "floor_sq"})


ARTEFACT = Artefact(
    name="fig1-synthetic",
    caption="Convergence of each objective alone to the uniform law on the sphere, synthetic data",
    place="Figure 1, Section 4.1",
    seeds={"paper": 5, "mini": 2, "smoke": 2},
    arms=arms,
    template=template,
    settings=settings,
    curves=lambda scale: (Curve("latent_swd"),),
    table=table,
    claims=claims,
    claim_for=lambda scale, arm: faster(arm, f"C1[{arm}]", "custom", arm),
    ambiguities=("A2", "A3", "A4", "A5", "A8", "A17", "A18"),
    resources=ON_A_PROCESSOR,
)
