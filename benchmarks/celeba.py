"""CelebA as the paper trains on it (Appendix A), and as its ablations do (Appendix D)."""

from dataclasses import replace

from benchmarks.grid_artefact import Base
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import Images

EPOCHS = {"paper": 200, "mini": 8, "smoke": 2}
HALVE = {"paper": 60, "mini": 4}
CELEBA = Images(
    name="celeba",
    # official training and validation images
    n_train={"paper": 182_637, "mini": 2400, "smoke": 192},
    n_eval={"paper": 10_000, "mini": 300, "smoke": 48},
    queue={"paper": 60_000, "mini": 788, "smoke": 96},  # then in proportion to n_train
    width={"paper": None, "mini": 1 / 8, "smoke": 1 / 16},
    epochs={"a1": EPOCHS, "a2": EPOCHS},
    halve={"a1": HALVE, "a2": HALVE},
    lam={"a1": 1000.0, "a2": 100.0},
    ambiguities=("A3", "A4", "A5", "A6", "A8", "A9", "A19", "A21", "A22", "A24", "A25", "A27",
                 "A29", "A31", "A33"),
    image_size=64,
    crop="lanczos140",  # WAE's own; CWAE's code has bilinear
)


def ablation(scale: str) -> Run:
    """Appendix D: architecture A2, tau = 1, m0 = .999, lam = 3000, else as Appendix A."""
    run = replace(CELEBA.a2(scale), lam=3000.0)
    return resolve(run, "moca", {**CELEBA.settings(scale)["moca"], "tau": 1.0, "m0": 0.999})


ABLATION = Base(ablation, lambda scale: {"moca": dict(ablation(scale).hyper)}, CELEBA.scores,
                CELEBA.ambiguities)
