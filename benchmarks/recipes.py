"""What the paper trains on a data set of images (Appendix A): what the artefacts on it share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.gallery import Models
from benchmarks.harness.spec.artefact import Arm, Measure
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from benchmarks.tuning import EXTRACTORS, VALIDATION, Rival, Table
from methods import Scalar

if TYPE_CHECKING:
    pass

# WAE's own code trains WAE-GAN with these (configs.py, comment in line 20; wae.py, optimizer)
GAN = {"lr": 3e-4, "beta1": 0.5}
class Base(NamedTuple):
    """What the arms of a grid have in common; the functions are of the scale."""

    template: Callable[[str], Run]
    settings: Callable[[str], Mapping[str, Mapping[str, Scalar]]]
    measures: Callable[[str], tuple[Measure, ...]]
    ambiguities: tuple[str, ...]


Counts = Mapping[str, int]  # by scale


def warmer(run: Run) -> Run:
    """MoCA at the temperature of Appendix D, where the paper does not say which it was (A8)."""
    return resolve(run, run.method, dict(run.hyper) | {"tau": 1.0})


@dataclass(frozen=True)
class Images:
    """A data set's settings; the methods give runs, arms and measures at a scale."""

    name: str  # of the data set where it is real
    n_train: Counts
    n_eval: Counts
    queue: Counts  # MoCA's K
    width: Mapping[str, float | None]
    epochs: Mapping[str, Counts]  # by architecture
    halve: Mapping[str, Counts]  # by architecture: epochs after which the rate is halved, if at all
    lam: Mapping[str, float]  # MoCA's, by architecture
    ambiguities: tuple[str, ...]
    image_size: int | None = None  # that images are brought to
    crop: str | None = None
    dim: int = 128

    def template(self, scale: str, architecture: str) -> Run:
        """MoCA: Adam 1e-3, B = 64, tau = .05, m0 = .99."""
        smoke = scale == "smoke"
        run = Run("procedural" if smoke else self.name, self.n_train[scale], architecture, "moca",
                  (), "", dim=self.dim, epochs=self.epochs[architecture][scale], batch=64,
                  lam=self.lam[architecture], lr=1e-3,
                  halve_every=self.halve.get(architecture, {}).get(scale), width=self.width[scale],
                  image_size=self.image_size, crop=None if smoke else self.crop)
        return resolve(run, "moca", self.settings(scale)["moca"])

    def settings(self, scale: str) -> dict[str, dict[str, Scalar]]:
        """What a method is given where it is not its default."""
        return {"moca": {"K": self.queue[scale]}}

    def a2(self, scale: str) -> Run:
        """MoCA with A2."""
        return self.template(scale, "a2")

    def rival(self, scale: str, architecture: str, method: str, prior: str, lam: float) -> Run:
        """Another regularizer in MoCA's place; WAE-GAN with its authors' optimizer."""
        run = replace(self.template(scale, architecture), prior=prior, lam=lam)
        if method == "gan":
            run = replace(run, lr=GAN["lr"], beta1=GAN["beta1"])
        return resolve(run, method, self.settings(scale).get(method, {}))

    def contender(self, scale: str, architecture: str, who: Rival, lam: float) -> Run:
        """MoCA or another regularizer at a lambda that is not the paper's."""
        if who.method == "moca":
            return replace(self.template(scale, architecture), lam=lam)
        return self.rival(scale, architecture, who.method, who.prior, lam)

    def moca_by_lambda(self, scale: str, lams: tuple[int, ...]) -> tuple[Arm, ...]:
        """MoCA with A2 at every lambda of a grid, and above 0 also at tau = 1 (A8).

        Not so at mini scale, where the second temperature would not fit into half an hour.
        """
        runs = {f"lam={lam:g}": replace(self.a2(scale), lam=float(lam)) for lam in lams}
        found = tuple(Arm(f"moca[{name}]", run) for name, run in runs.items())
        if scale == "mini":
            return found
        return found + tuple(Arm(f"moca[{name},tau=1]", warmer(run), ("tau=1",), 1)
                             for name, run in runs.items() if run.lam)

    def grids_by_lambda(self, arms: tuple[Arm, ...]) -> list[tuple[tuple[str, ...], str, str]]:
        """The names of those arms, lambda 0 first, with a claim's note and basis: per temperature.

        Lambda 0 has no temperature, so both grids begin with it.
        """
        main = tuple(arm.name for arm in arms if not arm.stage)
        warm = tuple(arm.name for arm in arms if arm.stage)
        warm_grid = [((main[0], *warm), "[tau=1]", "sensitivity")] if warm else []
        return [(main, "", "paper"), *warm_grid]

    def scores(self, scale: str, *others: str) -> tuple[Measure, ...]:
        """Measures on the test images: the scores of samples, and others."""
        return tuple(Measure(name, self.n_eval[scale]) for name in (*others, *EXTRACTORS[scale]))

    @property
    def gallery(self) -> Models:
        """The model behind the paper's pictures: MoCA-A2."""
        return Models(lambda scale: (Arm("moca[A2]", self.a2(scale)),), self.a2, self.settings,
                      lambda scale: self.scores(scale, "reconstruction"), self.ambiguities)

    def tuned(self, table: str, architecture: str) -> Table:
        """Of a table's lambdas, those for one architecture.

        At the paper's scale the last training images are kept to choose by.
        """
        return Table(
            f"{table}-{architecture}", table.replace("table", "Table "),
            lambda scale, who, lam: self.contender(scale, architecture, who, lam), self.settings,
            {**self.n_train, "paper": self.n_train["paper"] - VALIDATION},
            {**self.n_eval, "paper": VALIDATION}, self.ambiguities)


CIFAR10 = Images(
    name="cifar10",
    n_train={"paper": 50_000, "mini": 10_000, "smoke": 192},
    n_eval={"paper": 10_000, "mini": 2000, "smoke": 48},
    queue={"paper": 30_000, "mini": 6000, "smoke": 96},  # then in proportion to n_train
    width={"paper": None, "mini": 1 / 8, "smoke": 1 / 16},
    epochs={"a1": {"paper": 40, "mini": 6, "smoke": 2},
            "a2": {"paper": 100, "mini": 6, "smoke": 2}},
    halve={"a2": {"paper": 60, "mini": 4}},  # once, which is the same (A26)
    lam={"a1": 2000.0, "a2": 100.0},
    ambiguities=("A3", "A4", "A5", "A6", "A8", "A9", "A19", "A20", "A21", "A22", "A24", "A25",
                 "A26", "A29", "A31", "A33"),
)
CELEBA_EPOCHS = {"paper": 200, "mini": 8, "smoke": 2}
CELEBA_HALVE = {"paper": 60, "mini": 4}
CELEBA = Images(
    name="celeba",
    # official training and validation images
    n_train={"paper": 182_637, "mini": 2400, "smoke": 192},
    n_eval={"paper": 10_000, "mini": 300, "smoke": 48},
    queue={"paper": 60_000, "mini": 788, "smoke": 96},  # then in proportion to n_train
    width={"paper": None, "mini": 1 / 8, "smoke": 1 / 16},
    epochs={"a1": CELEBA_EPOCHS, "a2": CELEBA_EPOCHS},
    halve={"a1": CELEBA_HALVE, "a2": CELEBA_HALVE},
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
HQ_SIDE = {"paper": 256, "mini": 64, "smoke": 32}
HQ_N_TRAIN = {"paper": 27_000, "mini": 2400, "smoke": 192}
HQ_N_EVAL = {"paper": 3000, "mini": 300, "smoke": 48}  # the test set has no more
HQ_QUEUE = {"paper": 30_000, "mini": 2666, "smoke": 96}  # more than there are images (A23)
HQ_WIDTH = {"paper": None, "mini": 1 / 8, "smoke": 1 / 16}
HQ_EPOCHS = {"paper": 1000, "mini": 8, "smoke": 2}
HQ_HALVE = {"paper": (40, 400), "mini": (2, 6), "smoke": (None, None)}  # every, until
HQ_SNAPSHOT = {"paper": 850, "mini": 7, "smoke": 1}  # Figure 11's epoch
HQ_AMBIGUITIES = ("A3", "A4", "A5", "A6", "A8", "A21", "A22", "A23", "A24", "A25", "A29", "A31",
                  "A33")


def hq_template(scale: str) -> Run:
    """Appendix A: lam = 20000, tau = 1, m0 = .99, rate .002, 1000 epochs; kept at epoch 850 too."""
    every, until = HQ_HALVE[scale]
    run = Run("procedural" if scale == "smoke" else "celebahq", HQ_N_TRAIN[scale], "residual",
              "moca", (), "", dim=128, epochs=HQ_EPOCHS[scale], batch=64, lam=20_000.0, lr=2e-3,
              halve_every=every, halve_until=until, width=HQ_WIDTH[scale],
              image_size=HQ_SIDE[scale], snapshots=(HQ_SNAPSHOT[scale],))
    return resolve(run, "moca", hq_settings(scale)["moca"])


def hq_settings(scale: str) -> dict[str, dict[str, Scalar]]:
    """Tau = 1, and K above the number of images."""
    return {"moca": {"K": HQ_QUEUE[scale], "tau": 1.0}}


def hq_scores(scale: str, *others: str, epoch: int | None = None) -> tuple[Measure, ...]:
    """Measures on the test images: the scores of samples, and others."""
    return tuple(Measure(name, HQ_N_EVAL[scale], epoch) for name in (*others, *EXTRACTORS[scale]))


def hq_resized(scale: str, side: int, lam: float, epochs: int) -> Run:
    """Appendix D.2: a block less each time the side halves; m0 = .999, the rate always halved."""
    hyper = hq_settings(scale)["moca"] | {"m0": 0.999}
    run = replace(hq_template(scale), image_size=side, lam=lam, epochs=epochs, halve_until=None,
                  snapshots=None)
    return resolve(run, "moca", hyper)


HQ_GALLERY = Models(lambda scale: (Arm("moca[HQ]", hq_template(scale)),), hq_template, hq_settings,
                 lambda scale: hq_scores(scale, "reconstruction"), HQ_AMBIGUITIES)
# Figure 11 shows an earlier model than the others do
HQ_EARLIER = HQ_GALLERY._replace(
    scores=lambda scale: hq_scores(scale, epoch=HQ_SNAPSHOT[scale]),
    epoch=lambda scale: HQ_SNAPSHOT[scale])


