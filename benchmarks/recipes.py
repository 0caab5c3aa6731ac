"""Recipes: the paper's settings per image data set (Appendices A and D), at each scale."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from benchmarks.harness.spec.artefact import Arm, Measure
from benchmarks.harness.spec.claims import SCALES
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from methods import Scalar

# WAE's own code trains WAE-GAN with these (configs.py, comment in line 20; wae.py, optimizer)
GAN = {"lr": 3e-4, "beta1": 0.5}
# smoke runs leave out Inception, which takes minutes
EXTRACTORS = {"paper": ("cifar10", "inception"), "mini": ("cifar10", "inception"),
              "smoke": ("cifar10",)}

Counts = Mapping[str, int]  # by scale


class TableRow(NamedTuple):
    """A row of a table: its label, regularizer and prior."""

    label: str
    method: str
    prior: str


def with_temperature(run: Run, tau: float) -> Run:
    """The run at another temperature, where the paper states none (A8)."""
    return resolve(run, run.method, dict(run.hyper) | {"tau": tau})


class Recipe(NamedTuple):
    """The settings that an artefact's arms share; the functions take the scale."""

    template: Callable[[str], Run]
    settings: Callable[[str], Mapping[str, Mapping[str, Scalar]]]
    scores: Callable[[str], tuple[Measure, ...]]
    ambiguities: tuple[str, ...]


@dataclass(frozen=True)
class DatasetRecipe:
    """The paper's settings on one data set; methods return runs, arms and measures at a scale."""

    name: str  # of the data set; smoke runs use procedural images
    n_train: Counts
    n_eval: Counts
    queue: Counts  # MoCA's K
    epochs: Mapping[str, Counts]  # by architecture
    lam: Mapping[str, float]  # MoCA's, by architecture
    ambiguities: tuple[str, ...]
    halve: Mapping[str, Counts] = field(default_factory=dict)  # epochs per halving, by architecture
    halve_until: Counts = field(default_factory=dict)  # epoch from which lr stays constant
    image_size: Counts = field(default_factory=dict)  # side to which images are resized
    crop: str | None = None
    lr: float = 1e-3
    tau: float | None = None  # MoCA's, if not the default
    snapshot: Counts = field(default_factory=dict)  # an earlier epoch, whose weights are kept too
    n_made: Counts = field(default_factory=dict)  # scored samples, if not as many as n_eval
    main: str = "a2"  # architecture of the paper's image grids and ablations

    def template(self, scale: str, architecture: str) -> Run:
        """MoCA as in Appendix A: Adam, B = 64, d = 128, m0 = .99; tau = .05 but for CelebA-HQ."""
        smoke = scale == "smoke"
        width = {"paper": None, "mini": 1 / 8, "smoke": 1 / 16}[scale]
        run = Run("procedural" if smoke else self.name, self.n_train[scale], architecture, "moca",
                  (), "", dim=128, epochs=self.epochs[architecture][scale], batch=64,
                  lam=self.lam[architecture], lr=self.lr,
                  halve_every=self.halve.get(architecture, {}).get(scale),
                  halve_until=self.halve_until.get(scale), width=width,
                  image_size=self.image_size.get(scale), crop=None if smoke else self.crop,
                  snapshots=(self.snapshot[scale],) if self.snapshot else None)
        return resolve(run, "moca", self.settings(scale)["moca"])

    def settings(self, scale: str) -> dict[str, dict[str, Scalar]]:
        """Hyper-parameters by method that differ from the defaults."""
        tau: dict[str, Scalar] = {} if self.tau is None else {"tau": self.tau}
        return {"moca": {"K": self.queue[scale], **tau}}

    def moca(self, scale: str) -> Run:
        """MoCA with the main architecture."""
        return self.template(scale, self.main)

    def rival(self, scale: str, architecture: str, method: str, prior: str, lam: float) -> Run:
        """The run with another regularizer instead of MoCA; WAE-GAN with its authors' optimizer."""
        run = replace(self.template(scale, architecture), prior=prior, lam=lam)
        if method == "gan":
            run = replace(run, lr=GAN["lr"], beta1=GAN["beta1"])
        return resolve(run, method, self.settings(scale).get(method, {}))

    def contender(self, scale: str, architecture: str, who: TableRow, lam: float) -> Run:
        """The run of a table's row at any lambda, also for MoCA."""
        if who.method == "moca":
            return replace(self.template(scale, architecture), lam=lam)
        return self.rival(scale, architecture, who.method, who.prior, lam)

    def moca_by_lambda(self, scale: str, lams: tuple[int, ...]) -> tuple[Arm, ...]:
        """MoCA at every lambda of a grid, and above 0 also at tau = 1 (A8).

        Mini scale leaves out tau = 1, to finish in half an hour."""
        runs = {f"lam={lam:g}": replace(self.moca(scale), lam=float(lam)) for lam in lams}
        found = tuple(Arm(f"moca[{name}]", run) for name, run in runs.items())
        if scale == "mini":
            return found
        return found + tuple(Arm(f"moca[{name},tau=1]", with_temperature(run, 1.0), ("tau=1",), 1)
                             for name, run in runs.items() if run.lam)

    def grids_by_lambda(self, arms: tuple[Arm, ...]) -> dict[str, tuple[str, ...]]:
        """Names of the arms (lambda 0 first) by temperature, which readings differ in.

        Lambda 0 has no temperature, so both grids begin with it."""
        main = tuple(arm.name for arm in arms if not arm.stage)
        warm = tuple(arm.name for arm in arms if arm.stage)
        return {"tau=0.05": main, **({"tau=1": (main[0], *warm)} if warm else {})}

    def scores(self, scale: str, *others: str, epoch: int | None = None) -> tuple[Measure, ...]:
        """Measures on the test images: the others given, then the scores of samples."""
        made = self.n_made.get(scale)
        return (*(Measure(name, self.n_eval[scale], epoch) for name in others),
                *(Measure(name, self.n_eval[scale], epoch, n_made=made)
                  for name in EXTRACTORS[scale]))

    @property
    def recipe(self) -> Recipe:
        """The recipe of MoCA with the main architecture and the scores of its samples."""
        return Recipe(self.moca, self.settings, self.scores, self.ambiguities)


CIFAR10 = DatasetRecipe(
    name="cifar10",
    n_train={"paper": 50_000, "mini": 10_000, "smoke": 192},
    n_eval={"paper": 10_000, "mini": 2000, "smoke": 48},
    queue={"paper": 30_000, "mini": 6000, "smoke": 96},  # then in proportion to n_train
    epochs={"a1": {"paper": 40, "mini": 6, "smoke": 2},
            "a2": {"paper": 100, "mini": 6, "smoke": 2}},
    lam={"a1": 2000.0, "a2": 100.0},
    halve={"a2": {"paper": 60, "mini": 4}},  # once: in 100 epochs the same (A26)
    ambiguities=("A3", "A4", "A5", "A6", "A8", "A9", "A19", "A20", "A21", "A22", "A24", "A25",
                 "A26", "A29", "A31", "A33"))

CELEBA = DatasetRecipe(
    name="celeba",
    n_train={"paper": 182_637, "mini": 2400, "smoke": 192},  # official training and validation
    n_eval={"paper": 10_000, "mini": 300, "smoke": 48},
    queue={"paper": 60_000, "mini": 788, "smoke": 96},  # then in proportion to n_train
    epochs={a: {"paper": 200, "mini": 8, "smoke": 2} for a in ("a1", "a2")},
    lam={"a1": 1000.0, "a2": 100.0},
    halve={a: {"paper": 60, "mini": 4} for a in ("a1", "a2")},
    ambiguities=("A3", "A4", "A5", "A6", "A8", "A9", "A19", "A21", "A22", "A24", "A25", "A27",
                 "A29", "A31", "A33"),
    image_size=dict.fromkeys(SCALES, 64),
    crop="lanczos140")  # as in WAE's code; CWAE's is bilinear

CELEBA_HQ = DatasetRecipe(
    name="celebahq",
    n_train={"paper": 27_000, "mini": 2400, "smoke": 192},
    n_eval={"paper": 3000, "mini": 300, "smoke": 48},  # paper: the whole test set
    queue={"paper": 30_000, "mini": 2666, "smoke": 96},  # longer than the training set (A23)
    epochs={"residual": {"paper": 1000, "mini": 8, "smoke": 2}},
    lam={"residual": 20_000.0},
    halve={"residual": {"paper": 40, "mini": 2}},
    halve_until={"paper": 400, "mini": 6},
    ambiguities=("A3", "A4", "A5", "A6", "A8", "A21", "A22", "A23", "A24", "A25", "A29", "A31",
                 "A33"),
    image_size={"paper": 256, "mini": 64, "smoke": 32},
    lr=2e-3,
    tau=1.0,
    snapshot={"paper": 850, "mini": 7, "smoke": 1},  # Figure 11's epoch
    n_made={"paper": 10_000, "mini": 1000, "smoke": 96},  # more than there are test images
    main="residual")


def ablation(scale: str) -> Run:
    """Appendix D: CelebA, architecture A2, tau = 1, m0 = .999, lam = 3000, else as Appendix A."""
    run = replace(CELEBA.moca(scale), lam=3000.0)
    return resolve(run, "moca", {**CELEBA.settings(scale)["moca"], "tau": 1.0, "m0": 0.999})


ABLATION = CELEBA.recipe._replace(
    template=ablation, settings=lambda scale: {"moca": dict(ablation(scale).hyper)})


def ablation_on_cifar10(scale: str) -> Run:
    """Appendix D's settings on CIFAR-10 (A14): its queue is longer than the training set (A23)."""
    of_d = ablation(scale)
    run = replace(CIFAR10.moca(scale), epochs=of_d.epochs, halve_every=of_d.halve_every)
    queue = round(CIFAR10.n_train[scale] * 60_000 / CIFAR10.n_train["paper"])
    return resolve(run, "moca", dict(of_d.hyper) | {"K": queue})


def resized(scale: str, side: int, lam: float, epochs: int, as_main: bool = False) -> Run:
    """CelebA-HQ as in Appendix D.2: one block fewer per halving of the side.

    MoCA's settings are Appendix D's (A8: K = 60000, m0 = .999), or those of the main model.
    Unlike the main model's, the learning rate is halved until the end."""
    run = replace(CELEBA_HQ.moca(scale), image_size=side, lam=lam, epochs=epochs, halve_until=None,
                  snapshots=None)
    if as_main:
        return run
    return resolve(run, "moca", {"tau": 1.0, "m0": 0.999, "K": 2 * CELEBA_HQ.queue[scale]})
