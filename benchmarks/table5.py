"""Table 5: scores by the size of MoCA's queue."""

from dataclasses import replace
from functools import partial

from benchmarks import grid_artefact
from benchmarks.harness.spec.artefact import Arm
from benchmarks.harness.spec.claims import Claim, Ordering, Range
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.recipes import ABLATION, CELEBA, ablation

CITED = {"K=100": 84.93, "K=5000": 48.45, "K=10000": 46.56, "K=30000": 47.31, "K=60000": 46.68,
         "K=120000": 49.94}
SIZES = (100, 5000, 10_000, 30_000, 60_000, 120_000)
SMALLEST, OTHERS = "smallest", "others"  # panels
SMALL = 64  # the batch size, the shortest possible queue


def sizes(scale: str) -> tuple[int, ...]:
    """The paper's queue sizes; at mini scale in proportion to the training set."""
    share = CELEBA.n_train[scale] / CELEBA.n_train["paper"]
    scaled = tuple(max(SMALL, round(size * share)) for size in SIZES)
    return {"paper": SIZES, "mini": tuple(dict.fromkeys(scaled)), "smoke": (SMALL, 96)}[scale]


def arms(scale: str) -> tuple[Arm, ...]:
    """MoCA at every queue size."""
    run = ablation(scale)
    small, *_ = sizes(scale)
    return tuple(Arm(f"K={size}", resolve(run, "moca", dict(run.hyper) | {"K": size}),
                     (SMALLEST if size == small else OTHERS,)) for size in sizes(scale))


def claims(scale: str) -> tuple[Claim, ...]:
    """C27; the paper's FIDs differ by 3.4 at most, but for the smallest queue's, 37 higher."""
    small, *large = (f"K={size}" for size in sizes(scale))
    found = grid_artefact.with_proxies(
        Claim("C27[small]", "With the smallest queue the FID is much higher than with any other.",
              "Appendix D.5, Table 5", Ordering("fid", tuple(large), (small,), at_least=20.0)))
    # without a proxy, since 5 is in units of FID
    return (*found, Claim("C27[stable]", "With all other sizes the FID is the same, to within 5.",
                          "Appendix D.5, Table 5",
                          Range("range:fid", ((OTHERS, float("-inf"), 5.0),))))


ARTEFACT = replace(grid_artefact.grid(
    "table5", "Scores of samples by the size of MoCA's queue, CelebA", "Table 5, Appendix D.5",
    "ablation", ABLATION, arms,
    partial(grid_artefact.table, cited=CITED, dataset="celeba", keep=["hyper.K"]), claims),
    seeds=grid_artefact.TWO_SEEDS)
