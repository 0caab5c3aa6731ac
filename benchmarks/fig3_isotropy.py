"""Figure 3: singular values of MoCA's codes, by lambda."""

from benchmarks.grid_artefact import with_proxies
from benchmarks.harness.spec.artefact import Arm, Artefact, DataFrame, Measure
from benchmarks.harness.spec.claims import FID_NOISE, Claim, Ordering, Trend, joined
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import CIFAR10

PLACE = "Section 4.2, Figure 3"
LAMBDAS = {"paper": (0, 500, 1000, 3000), "mini": (0, 500, 1000, 3000), "smoke": (0, 3000)}
SCORES = ["sv_cv", "sv_condition", "effective_rank", "floor_sv_cv", "floor_sv_condition",
          "floor_effective_rank", "fd_cifar10", "fid"]


def template(scale: str) -> Run:
    """A2 and tau = .05; the paper states neither (A11)."""
    return CIFAR10.moca(scale)


def arms(scale: str) -> tuple[Arm, ...]:
    """MoCA at every lambda."""
    return CIFAR10.moca_by_lambda(scale, LAMBDAS[scale])


def measures(scale: str, seed: int) -> tuple[Measure, ...]:
    """Isotropy of codes of training images, and the scores."""
    return CIFAR10.scores(scale, "isotropy")


def table(rows: DataFrame) -> DataFrame:
    """Isotropy and scores per lambda; `exhibit`: the stem of the drawn run's spectrum."""
    from benchmarks.harness.analysis.tables import exhibited, final_scores
    return exhibited(rows, final_scores(rows, SCORES, keep=["lam"]))


def claims(scale: str) -> tuple[Claim, ...]:
    """C9 and C10, on a grid that includes lambda 0."""
    grids = CIFAR10.grids_by_lambda(arms(scale)).items()
    even = "The larger lambda, the more uniform the singular values of MoCA's codes."
    better = "The larger lambda, the lower the FID of MoCA's samples."
    return (
        joined("C9", even, PLACE, [
            Claim(f"C9[{reading}]", even, PLACE, Trend("sv_cv", grid, beside=("effective_rank",)))
            for reading, grid in grids]),
        *with_proxies(joined("C10", better, PLACE, [
            Claim(f"C10[{reading}]", better, PLACE, Trend("fid", grid, at_least=FID_NOISE))
            for reading, grid in grids])))


def more_isotropic(scale: str, arm: str) -> Claim:
    """The claim for a user's arm: more isotropic than MoCA at its largest lambda."""
    last = arms(scale)[len(LAMBDAS[scale]) - 1].name
    return Claim(f"C9[{arm}]", f"The codes of {arm} are spread more evenly than those of {last}.",
                 PLACE, Ordering("sv_cv", (arm,), (last,)), "custom")


ARTEFACT = Artefact(
    name="fig3-isotropy", caption="Singular values of MoCA's codes by lambda, CIFAR-10",
    place="Figure 3, Section 4.2", figure="spectrum", seeds={"paper": 1, "mini": 2, "smoke": 1},
    arms=arms, template=template, settings=CIFAR10.settings, table=table, claims=claims,
    claim_for=more_isotropic, ambiguities=(*CIFAR10.ambiguities, "A11"), measures=measures)
