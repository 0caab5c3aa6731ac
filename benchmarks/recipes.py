"""What the paper trains on a data set of images (Appendix A): what the artefacts on it share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.gallery import Models
from benchmarks.harness.spec.artefact import Arm, Measure
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from benchmarks.tuning import EXTRACTORS, VALIDATION, Rival, Table
from methods import Scalar

# WAE's own code trains WAE-GAN with these (configs.py, comment in line 20; wae.py, optimizer)
GAN = {"lr": 3e-4, "beta1": 0.5}

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
