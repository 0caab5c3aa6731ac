"""The leaderboard: every method on every prior that it allows, on equal terms, on real MNIST.

Beyond the paper. A row is a method on a prior; a panel is a latent dimension. All rows have the
same network, optimizer, epochs, seeds and budget for choosing their weight (METHODS section 8.1).
A method that joins the registry, or comes by `--with`, joins the leaderboard."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from benchmarks.harness.spec.artefact import (
    ON_A_PROCESSOR,
    VALIDATION,
    Arm,
    Artefact,
    Curve,
    DataFrame,
    Measure,
)
from benchmarks.harness.spec.claims import Claim, Ordering
from benchmarks.harness.spec.hyperparameters import UserMethod, resolve
from benchmarks.harness.spec.run import Run
from benchmarks.tuning import choices, chosen, shortened, without_validation
from methods import METHODS, Scalar

NAME = "leaderboard-mnist"
DIMS = {"paper": (8, 32), "mini": (8,), "smoke": (8,)}
N_TRAIN = {"paper": 60_000, "mini": 10_000, "smoke": 192}
N_EVAL = {"paper": 10_000, "mini": 2000, "smoke": 48}
N_CURVE = {"paper": 2000, "mini": 500, "smoke": 48}  # test images of the curve of test errors
EPOCHS = {"paper": 10, "mini": 6, "smoke": 2}
BATCH = {"paper": 128, "mini": 128, "smoke": 64}
QUEUE = {"paper": 10_000, "mini": 1666, "smoke": 96}  # Appendix B; then in proportion to N_TRAIN
MEMORY = {"paper": 1024, "mini": 1024, "smoke": 96}  # of MMD and SWD, whose cost grows with it
SEEDS = {"paper": 5, "mini": 2, "smoke": 1}
GRID = (1.0, 10.0, 100.0, 1000.0, 10_000.0)
GRIDS = {"vae": (0.03, 0.1, 0.3, 1.0, 3.0), "rae": (0.001, 0.01, 0.1, 1.0, 10.0)}
DRAWN_SEED = 0
SVAE_UP_TO = 32  # dimensions; its sampler is slow and inexact beyond


@dataclass(frozen=True)
class Row:
    """A competitor: a method on a prior; `weight` is the hyper-parameter chosen for it, if any."""

    label: str
    method: str | UserMethod
    prior: str
    hyper: tuple[tuple[str, Scalar], ...] = ()
    weight: str | None = "lam"

    def arm(self, scale: str, dim: int, weight: float | None) -> Arm:
        """Its arm at a dimension."""
        name = self.method if isinstance(self.method, str) else self.method.name
        tuned = {} if self.weight is None or weight is None else {self.weight: weight}
        run = replace(template(scale), dim=dim, prior=self.prior)
        run = resolve(run, self.method, settings(scale).get(name, {}) | dict(self.hyper) | tuned)
        return Arm(f"{self.label}[d={dim}]", run, (f"d={dim}",))

    @property
    def grid(self) -> tuple[float, ...]:
        """The values among which its weight is chosen."""
        return GRIDS.get(str(self.method), GRID) if self.weight else ()


def template(scale: str) -> Run:
    """The network and training of all rows: Adam, 1e-3 as in the paper, halved every 4 epochs."""
    smoke = scale == "smoke"
    run = Run("procedural-28" if smoke else "mnist", N_TRAIN[scale], "small", "moca", (), "",
              dim=DIMS[scale][0], epochs=EPOCHS[scale], batch=BATCH[scale], lam=100.0, lr=1e-3,
              halve_every=None if smoke else 4,
              n_prior=BATCH[scale], width=1 / 4 if smoke else None)
    return resolve(run, "moca", settings(scale)["moca"])


def settings(scale: str) -> dict[str, dict[str, Scalar]]:
    """MoCA's queue, and the critic of WAE's MNIST setting; else the registry's defaults."""
    keys: dict[str, Scalar] = {"K": QUEUE[scale]}
    return {"moca": keys, "repulsion": keys, "gan": {"hidden": 512, "critic_lr": 5e-4}}


def competitors(scale: str) -> tuple[Row, ...]:
    """Every registered method on each of its priors, variants, and the reference rows."""
    found = [Row(name if len(method.priors) == 1 else f"{name} {prior}", name, prior)
             for name, method in METHODS.items() for prior in method.priors]
    found.append(Row("moca tau=1", "moca", "sphere", (("tau", 1.0),)))
    remembered: tuple[tuple[str, Scalar], ...] = (("memory", MEMORY[scale]), ("m0", 0.99))
    found += [Row(f"{name} memory", name, "sphere", remembered) for name in ("mmd", "swd")]
    found += REFERENCES
    return tuple(row for row in found if scale != "smoke" or row.label in SHOWN_AT_SMOKE)


# an autoencoder has the mathematics of a regularizer whose weight is 0
REFERENCES = (
    *(Row(f"autoencoder {prior}", "moments", prior, (("lam", 0.0),), None)
      for prior in ("sphere", "gaussian")),
    Row("vae", "vae", "gaussian", (("beta", 1.0),), None),
    Row("beta-vae", "vae", "gaussian", weight="beta"),
    Row("rae", "rae", "gaussian"),
    Row("svae", "svae", "sphere", weight=None))
SHOWN_AT_SMOKE = ("moca", "mmd gaussian", "sigreg sphere", "mmd memory", "autoencoder gaussian",
                  "beta-vae", "rae", "svae")


def fits(row: Row, dim: int) -> bool:
    """Whether the row is trained at the dimension."""
    return row.method != "svae" or dim < SVAE_UP_TO


def arms(scale: str) -> tuple[Arm, ...]:
    """Every row at its chosen weight; one without a choice yet is left out."""
    weights = {panel: choice.lam for panel, choice in choices(NAME).items()}
    return tuple(arm for dim in DIMS[scale] for row in competitors(scale) if fits(row, dim)
                 for arm in _chosen(row, scale, dim, weights))


def _chosen(row: Row, scale: str, dim: int, weights: Mapping[str, float]) -> list[Arm]:
    """The row's arm at its chosen weight; at smoke scale, in the middle of its grid."""
    weight = weights.get(f"{row.label}[d={dim}]")
    if weight is None and row.grid:
        if scale != "smoke":
            return []
        weight = row.grid[len(row.grid) // 2]
    return [row.arm(scale, dim, weight)]


def own_arms(
    scale: str, method: str | UserMethod, hyper: Mapping[str, Scalar],
    weights: Mapping[str, float] = MappingProxyType({}),
) -> tuple[Arm, ...]:
    """A user's row at every dimension, at its chosen weight.

    Until it is chosen, in the middle of its grid: `plan` counts the same runs."""
    row = _own(method, hyper)
    middle = row.grid[len(row.grid) // 2] if row.grid else None
    return tuple(row.arm(scale, dim, weights.get(f"{row.label}[d={dim}]", middle))
                 for dim in DIMS[scale])


def _own(method: str | UserMethod, hyper: Mapping[str, Scalar]) -> Row:
    name = method if isinstance(method, str) else method.name
    shown = ",".join(f"{key}={value}" for key, value in hyper.items())
    return Row(f"{name} {shown}" if shown else name, method, "sphere", tuple(hyper.items()),
               None if "lam" in hyper else "lam")


def measures(scale: str, seed: int) -> tuple[Measure, ...]:
    """Scores of every run; a strip of samples of the first seed only."""
    names = ("mnist", "mnist_gmm", "reconstruction", "matching")
    first = (Measure("samples", 8), Measure("regularizer_cost", min(BATCH[scale], N_EVAL[scale])))
    return (*(Measure(name, N_EVAL[scale]) for name in names),
            *(first if seed == DRAWN_SEED else ()))


def table(rows: DataFrame) -> DataFrame:
    """One row per competitor and dimension, best first."""
    from benchmarks.harness.analysis.leaderboard import ranked
    return ranked(rows, DRAWN_SEED)


def pairs(rows: DataFrame) -> str:
    """Every two competitors, and whether they are told apart."""
    from benchmarks.harness.analysis import leaderboard
    return leaderboard.pairs(rows)


def summary(rows: DataFrame) -> str:
    """What was found, in sentences."""
    from benchmarks.harness.analysis import leaderboard
    return leaderboard.summary(rows)


def claim_for(scale: str, arm: str) -> Claim:
    """The claim for a user's row: its samples are better than MoCA's at the same dimension."""
    label, _, dim = arm.partition("[")
    return Claim(f"leaderboard[{arm}]", f"{label} has a lower fd_mnist than MoCA ({dim[:-1]}).",
                 "leaderboard", Ordering("fd_mnist", (arm,), (f"moca[{dim}",)), "custom")


# --- the choice of weights

def trials(scale: str, rows: Iterable[Row]) -> tuple[Arm, ...]:
    """Every row at every value of its grid: half of the epochs, outside the validation images."""
    n_train = without_validation(N_TRAIN)[scale]
    found = []
    for dim in DIMS[scale]:
        for row in rows:
            for weight in row.grid if fits(row, dim) else ():
                arm = row.arm(scale, dim, weight)
                found.append(Arm(f"{arm.name[:-1]},{row.weight}={weight:g}]",
                                 shortened(arm.run, n_train), (arm.name,),
                                 measures=validated(scale, row)))
    return tuple(found)


def validated(scale: str, row: Row) -> tuple[Measure, ...]:
    """What a trial is judged by; RAE has no samples from a prior."""
    name = "mnist_gmm" if row.method == "rae" else "mnist"
    return (Measure(name, {**N_EVAL, "paper": VALIDATION}[scale], split="validation"),)


def own_trials(
    scale: str, method: str | UserMethod, hyper: Mapping[str, Scalar]
) -> tuple[Arm, ...]:
    """The grid of a user's row."""
    return trials(scale, [_own(method, hyper)])


def trial_table(rows: DataFrame) -> DataFrame:
    """Scores of the validation images; `lam` is a row's weight, whatever the method calls it.

    Rows are compared by samples from the prior; RAE, which has none, by those of a mixture."""
    rows = rows.reindex(columns=list(dict.fromkeys(
        [*rows.columns, "hyper.beta", "fd_mnist", "fd_mnist_gmm"])))
    own = rows["fd_mnist"].where(rows["method"] != "rae", rows["fd_mnist_gmm"])
    return chosen(rows.assign(lam=rows["hyper.beta"].fillna(rows["lam"]), fd_mnist_own=own),
                  ("fd_mnist_own",))


TUNING = Artefact(
    name=f"tune-{NAME}", caption="The choice of every row's weight, on validation images",
    place="beyond the paper", figure="grid_search", seeds=dict.fromkeys(SEEDS, 1),
    arms=lambda scale: trials(scale, competitors(scale)), template=template, settings=settings,
    table=trial_table, claims=lambda scale: (), claim_for=lambda scale, arm: None,
    ambiguities=("A4", "A5", "A8"), own_arms=own_trials, resources=ON_A_PROCESSOR)

ARTEFACT = Artefact(
    name=NAME, caption="Every method on equal terms on MNIST: samples, matching and cost",
    place="beyond the paper", figure="leaderboard", seeds=SEEDS, arms=arms, template=template,
    settings=settings, table=table, claims=lambda scale: (), claim_for=claim_for,
    ambiguities=("A4", "A5", "A8"), measures=measures,
    curves=lambda scale: (Curve("reconstruction", N_CURVE[scale], every=4),), own_arms=own_arms,
    tuning=TUNING, texts={"pairs.csv": pairs, "summary.txt": summary}, resources=ON_A_PROCESSOR)
