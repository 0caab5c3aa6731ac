"""CelebA-HQ as the paper trains on it (Appendix A), and at the three sizes of Appendix D.2."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.gallery import Models
from benchmarks.harness.spec.artefact import Arm, Measure
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from benchmarks.tuning import EXTRACTORS
from methods import Scalar

SIDE = {"paper": 256, "mini": 64, "smoke": 32}
N_TRAIN = {"paper": 27_000, "mini": 2400, "smoke": 192}
N_EVAL = {"paper": 3000, "mini": 300, "smoke": 48}  # the test set has no more
QUEUE = {"paper": 30_000, "mini": 2666, "smoke": 96}  # more than there are images (A23)
WIDTH = {"paper": None, "mini": 1 / 8, "smoke": 1 / 16}
EPOCHS = {"paper": 1000, "mini": 8, "smoke": 2}
HALVE = {"paper": (40, 400), "mini": (2, 6), "smoke": (None, None)}  # every, until
SNAPSHOT = {"paper": 850, "mini": 7, "smoke": 1}  # Figure 11's epoch
AMBIGUITIES = ("A3", "A4", "A5", "A6", "A8", "A21", "A22", "A23", "A24", "A25", "A29", "A31", "A33")


def template(scale: str) -> Run:
    """Appendix A: lam = 20000, tau = 1, m0 = .99, rate .002, 1000 epochs; kept at epoch 850 too."""
    every, until = HALVE[scale]
    run = Run("procedural" if scale == "smoke" else "celebahq", N_TRAIN[scale], "residual", "moca",
              (), "", dim=128, epochs=EPOCHS[scale], batch=64, lam=20_000.0, lr=2e-3,
              halve_every=every, halve_until=until, width=WIDTH[scale], image_size=SIDE[scale],
              snapshots=(SNAPSHOT[scale],))
    return resolve(run, "moca", settings(scale)["moca"])


def settings(scale: str) -> dict[str, dict[str, Scalar]]:
    """Tau = 1, and K above the number of images."""
    return {"moca": {"K": QUEUE[scale], "tau": 1.0}}


def scores(scale: str, *others: str, epoch: int | None = None) -> tuple[Measure, ...]:
    """Measures on the test images: the scores of samples, and others."""
    return tuple(Measure(name, N_EVAL[scale], epoch) for name in (*others, *EXTRACTORS[scale]))


def resized(scale: str, side: int, lam: float, epochs: int) -> Run:
    """Appendix D.2: a block less each time the side halves; m0 = .999, the rate always halved."""
    hyper = settings(scale)["moca"] | {"m0": 0.999}
    run = replace(template(scale), image_size=side, lam=lam, epochs=epochs, halve_until=None,
                  snapshots=None)
    return resolve(run, "moca", hyper)


GALLERY = Models(lambda scale: (Arm("moca[HQ]", template(scale)),), template, settings,
                 lambda scale: scores(scale, "reconstruction"), AMBIGUITIES)
# Figure 11 shows an earlier model than the others do
EARLIER = GALLERY._replace(
    scores=lambda scale: scores(scale, epoch=SNAPSHOT[scale]), epoch=lambda scale: SNAPSHOT[scale])
