"""CIFAR-10 as the paper trains on it (Appendix A): what the artefacts on it share."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.gallery import Models
from benchmarks.harness.resolve import resolve
from benchmarks.harness.run import Run
from benchmarks.harness.spec import Arm, Measure
from benchmarks.tuning import EXTRACTORS, Rival, Table
from methods import Scalar

DIM = 128  # A20
N_TRAIN = {"paper": 50_000, "mini": 10_000, "smoke": 192}
N_EVAL = {"paper": 10_000, "mini": 2000, "smoke": 48}
QUEUE = {"paper": 30_000, "mini": 6000, "smoke": 96}  # then in proportion to N_TRAIN
WIDTH = {"paper": None, "mini": 1 / 8, "smoke": 1 / 16}
EPOCHS = {"a1": {"paper": 40, "mini": 6, "smoke": 2}, "a2": {"paper": 100, "mini": 6, "smoke": 2}}
HALVE = {"paper": 60, "mini": 4}  # A2's rate, after as many epochs (A26)
LAM = {"a1": 2000.0, "a2": 100.0}
# WAE's own code trains WAE-GAN with these (configs.py, comment in line 20; wae.py, optimizer)
GAN = {"lr": 3e-4, "beta1": 0.5}
AMBIGUITIES = ("A3", "A4", "A5", "A6", "A8", "A9", "A19", "A20", "A21", "A22", "A24", "A25", "A26",
               "A29", "A31", "A33")


def template(scale: str, architecture: str) -> Run:
    """Appendix A: Adam 1e-3, B = 64; A1 40 epochs, lam = 2000; A2 100 epochs, lam = 100; MoCA."""
    dataset = "procedural" if scale == "smoke" else "cifar10"
    run = Run(dataset, N_TRAIN[scale], architecture, "moca", (), "", dim=DIM,
              epochs=EPOCHS[architecture][scale], batch=64, lam=LAM[architecture], lr=1e-3,
              halve_every=HALVE.get(scale) if architecture == "a2" else None, width=WIDTH[scale])
    return resolve(run, "moca", settings(scale)["moca"])


def settings(scale: str) -> dict[str, dict[str, Scalar]]:
    """MoCA's queue, with tau = .05 and m0 = .99 by default."""
    return {"moca": {"K": QUEUE[scale]}}


def moca_by_lambda(scale: str, lams: tuple[int, ...]) -> tuple[Arm, ...]:
    """MoCA with A2 at every lambda of a grid."""
    return tuple(Arm(f"moca[lam={lam:g}]", replace(template(scale, "a2"), lam=float(lam)))
                 for lam in lams)


def rival(scale: str, architecture: str, method: str, prior: str, lam: float) -> Run:
    """Another regularizer in MoCA's place; WAE-GAN with its authors' optimizer."""
    run = replace(template(scale, architecture), prior=prior, lam=lam)
    if method == "gan":
        run = replace(run, lr=GAN["lr"], beta1=GAN["beta1"])
    return resolve(run, method, settings(scale).get(method, {}))


def scores(scale: str, *others: str) -> tuple[Measure, ...]:
    """Measures on the test images: the scores of samples, and others."""
    return tuple(Measure(name, N_EVAL[scale]) for name in (*others, *EXTRACTORS[scale]))


def moca_a2(scale: str) -> tuple[Arm, ...]:
    """The model behind the paper's pictures: Table 2's MoCA-A2."""
    return (Arm("moca[A2]", template(scale, "a2")),)


GALLERY = Models(moca_a2, lambda scale: template(scale, "a2"), settings,
                 lambda scale: scores(scale, "reconstruction"), AMBIGUITIES)


def contender(scale: str, architecture: str, who: Rival, lam: float) -> Run:
    """MoCA or another regularizer at a lambda that is not the paper's."""
    if who.method == "moca":
        return replace(template(scale, architecture), lam=lam)
    return rival(scale, architecture, who.method, who.prior, lam)


def tuned(architecture: str) -> Table:
    """Of Table 2's lambdas, those for one architecture."""
    return Table(
        f"table2-{architecture}", "Table 2",
        lambda scale, who, lam: contender(scale, architecture, who, lam), settings,
        N_TRAIN | {"paper": 45_000}, N_EVAL | {"paper": 5000}, AMBIGUITIES)
