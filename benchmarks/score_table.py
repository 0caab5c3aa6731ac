"""Score tables: Tables 1 and 2, which compare all regularizers on the same networks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from benchmarks.harness.spec.artefact import Arm, DataFrame, Measure
from benchmarks.harness.spec.claims import FID_NOISE, Claim, Ordering, Untestable
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import DatasetRecipe, TableRow
from benchmarks.tuning import RIVALS, Choice, choices

DRAWN_SEED = 0
UNTUNED = "no lambda has been chosen for every regularizer it speaks of; bench.py tune does"
SCORES = ["fd_cifar10", "fid", "kid", "test_reconstruction", "test_swd2_root", "test_floor_root",
          "effective_rank", "parameters"]


def arm_name(label: str, architecture: str, note: str = "") -> str:
    """The name of a regularizer's arm with an architecture."""
    return f"{label}[{architecture.upper()}{note}]"


def tuned_arm_name(label: str, architecture: str) -> str:
    """The name of a regularizer's arm at its chosen lambda; MoCA also has one at the paper's."""
    return arm_name(label, architecture, ",tuned" if label == "moca" else "")


@dataclass(frozen=True)
class Ranking:
    """A score table; its methods return arms, measures, table and claims."""

    name: str
    images: DatasetRecipe
    cited: Mapping[str, float]  # arm -> FID as the paper prints it
    architectures: tuple[str, ...]  # with which every regularizer is trained
    own: tuple[tuple[str, TableRow, float], ...] = ()  # lambdas of a method's authors
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by scale
    until_tuned: str | None = None  # the table whose lambdas are used while this one has none

    @property
    def place(self) -> str:
        """The table's name in the paper."""
        return self.name.replace("table", "Table ")

    def choices(self, architecture: str) -> dict[str, Choice]:
        """The chosen lambda by regularizer."""
        found = choices(f"{self.name}-{architecture}")
        return found or (choices(f"{self.until_tuned}-{architecture}") if self.until_tuned else {})

    def arms(self, scale: str, more: Mapping[str, Run]) -> tuple[Arm, ...]:
        """MoCA as in the paper, then every regularizer at its chosen lambda.

        MoCA at its chosen lambda and lambdas stated by a method's authors have rows of their
        own; lambda = 0 is an autoencoder sampled at the prior. A regularizer without a chosen
        lambda is left out: see `tune`."""
        images = self.images
        found = {arm_name("moca", a): images.template(scale, a) for a in ("a1", "a2")}
        order = sorted(RIVALS, key=lambda rival: rival.method != "mmd")  # the paper's rival first
        for a in self.architectures:
            lams = self.choices(a)
            for who in order:
                if who.label in lams:
                    found[tuned_arm_name(who.label, a)] = images.contender(
                        scale, a, who, lams[who.label].lam)
            for prior in ("sphere", "gaussian"):
                found[arm_name(f"lam=0 {prior}", a)] = images.rival(scale, a, "mmd", prior, 0.0)
        for a, who, lam in self.own:
            found[arm_name(who.label, a, f",lam={lam:g}")] = images.contender(scale, a, who, lam)
        found |= more
        taken = {name: run for name, run in found.items()
                 if name not in self.left_out.get(scale, ())}
        first = {run: name for name, run in reversed(taken.items())}  # the first name of a run
        return tuple(Arm(name, run, (run.architecture,), stage=int(name not in self.cited))
                     for name, run in taken.items() if first[run] == name)

    def measures(self, scale: str, seed: int) -> tuple[Measure, ...]:
        """Scores of every run; a row of samples of the first seed only."""
        drawn = (Measure("samples", 8),) if seed == DRAWN_SEED else ()
        return (*self.images.scores(scale, "reconstruction", "latent_swd", "isotropy"), *drawn)

    def table(self, rows: DataFrame) -> DataFrame:
        """Scores per arm; the paper's numbers are in a column of their own."""
        from benchmarks.harness.analysis.tables import exhibited, final_scores
        scores = final_scores(rows, SCORES, ["architecture", "method", "prior", "lam"])
        chosen_at = {tuned_arm_name(label, a): choice.origin(self.images.name)
                     for a in self.architectures for label, choice in self.choices(a).items()}
        scores = scores.assign(lam_chosen_at=scores["arm"].map(chosen_at))  # scale of the grid
        real = scores["dataset"] == self.images.name  # the paper's numbers are of that
        cited = scores["arm"].map(self.cited).where(real)
        return exhibited(rows, scores.assign(cited_fid=cited), DRAWN_SEED)

    def better(
        self, known: set[str], id: str, text: str, lower: str, higher: tuple[str, ...], basis: str
    ) -> list[Claim]:
        """A claim in FID and its proxy; both untestable if one of their arms is missing."""
        test = Ordering("fid", (lower,), higher, at_least=FID_NOISE)
        claim = Claim(id, text, self.place, test, basis)
        both = [claim, claim.by_proxy()]
        if higher and {lower, *higher} <= known:
            return both
        return [replace(one, test=Untestable(UNTUNED)) for one in both]

    def lowest(self, scale: str, arm: str) -> Claim:
        """The claim for a user's arm: a lower fd_cifar10 than MoCA-A2."""
        return Claim(f"C17[{arm}]", f"{arm} has a lower fd_cifar10 than MoCA-A2.", self.place,
                     Ordering("fd_cifar10", (arm,), ("moca[A2]",)), "custom")
