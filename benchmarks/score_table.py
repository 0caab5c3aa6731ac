"""Score tables: Tables 1 and 2, which compare all regularizers on the same networks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.grid_artefact import with_proxies
from benchmarks.harness.spec.artefact import Arm, DataFrame, Measure
from benchmarks.harness.spec.claims import (
    FID_NOISE,
    Claim,
    Counted,
    Ordering,
    Test,
    Untestable,
    joined,
)
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import DatasetRecipe, TableRow
from benchmarks.tuning import RIVALS, Choice, choices

DRAWN_SEED = 0
STATED = "(MoCA at the paper's lambda)"
TUNED = "(every lambda chosen with one budget)"
SCORES = ["fd_cifar10", "fid", "kid", "test_reconstruction", "test_swd2_root", "test_floor_root",
          "effective_rank", "parameters"]


def arm_name(label: str, architecture: str, note: str = "") -> str:
    """The name of a regularizer's arm with an architecture."""
    return f"{label}[{architecture.upper()}{note}]"


def tuned_arm_name(label: str, architecture: str) -> str:
    """The name of a regularizer's arm at its chosen lambda; MoCA also has one at the paper's."""
    return arm_name(label, architecture, ",tuned" if label == "moca" else "")


def deeper(id: str, place: str) -> tuple[Claim, ...]:
    """C16 and its proxy: MoCA with either network, at the paper's lambda for it."""
    test = Ordering("fid", ("moca[A2]",), ("moca[A1]",), at_least=FID_NOISE)
    return with_proxies(Claim(id, "MoCA has a lower FID with A2 than with A1.", place, test))


def size_claim(id: str, a1: Mapping[int, int], a2: int) -> Claim:
    """C18, whose readings are the two decoders of A1 in WAE's code: from a map of 4 or 8 (A19).

    `a1`: the number of parameters by that map."""
    text = "A1 has about 38 and A2 about 24 million parameters (within 5 and 10 %)."
    stem = id.replace("]", ",") if "[" in id else f"{id}["
    return joined(id, text, "Appendix A", [
        Claim(f"{stem}start={start}]", text, "Appendix A",
              Counted((("parameters of A1", a1[start], 36.1e6, 39.9e6),
                       ("parameters of A2", a2, 21.6e6, 26.4e6))),
              scales=("paper",)) for start in (4, 8)], "ours")


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

    def runs(self, scale: str) -> dict[str, Run]:
        """The run of each row by the name of its arm; see `arms`."""
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
        return found

    def arms(self, scale: str, more: Mapping[str, Run]) -> tuple[Arm, ...]:
        """MoCA as in the paper, then every regularizer at its chosen lambda.

        MoCA at its chosen lambda and lambdas stated by a method's authors have rows of their
        own; lambda = 0 is an autoencoder sampled at the prior. A regularizer without a chosen
        lambda is left out: see `tune`."""
        taken = {name: run for name, run in {**self.runs(scale), **more}.items()
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
        self, scale: str, id: str, text: str, lower: str, higher: tuple[str, ...], basis: str,
        architecture: str = "a1",
    ) -> tuple[Claim, ...]:
        """A claim on MoCA and other regularizers, joined of `at_each_lambda`; and its proxy."""
        of = self.at_each_lambda(scale, (f"{id}[paper]", f"{id}[tuned]"), text, lower, higher,
                                 architecture)
        return with_proxies(joined(id, text, self.place, of, basis))

    def at_each_lambda(
        self, scale: str, ids: tuple[str, str], text: str, lower: str, higher: tuple[str, ...],
        architecture: str = "a1",
    ) -> tuple[Claim, Claim]:
        """The two readings of "the first regularizer has a lower FID than all others".

        MoCA at the paper's lambda, others at their authors' own or, without one, at the chosen;
        and all at the lambda chosen for them. Labels instead of arms."""
        own = {who.label: arm_name(who.label, a, f",lam={lam:g}") for a, who, lam in self.own
               if a == architecture}
        own["moca"] = arm_name("moca", architecture)
        own = {label: arm for label, arm in own.items() if arm not in self.left_out.get(scale, ())}
        found = []
        for id, stated, note in zip(ids, (own, {}), (STATED, TUNED), strict=True):
            chosen = [label for label in (lower, *higher) if label not in stated]
            test: Test | None = self.untestable(scale, architecture, chosen)
            if test is None:
                first, *others = (self.named(scale, stated.get(label) or tuned_arm_name(
                    label, architecture)) for label in (lower, *higher))
                test = Ordering("fid", (first,), tuple(others), at_least=FID_NOISE)
            found.append(Claim(id, f"{text} {note}", self.place, test,
                               chosen_on=self.images.name if chosen else ""))
        return found[0], found[1]

    def untestable(self, scale: str, architecture: str, labels: list[str]) -> Untestable | None:
        """Why lambdas chosen for these regularizers decide nothing at a scale, if they do not."""
        lams = self.choices(architecture)
        places: dict[str, list[str]] = {}
        for label in labels:
            chosen = lams.get(label)
            if chosen is None:
                places.setdefault("no lambda chosen", []).append(label)
            elif (chosen.scale, chosen.dataset) != (scale, self.images.name):
                places.setdefault(f"lambda chosen at {chosen.scale} scale on {chosen.dataset}",
                                  []).append(label)
        if not places:
            return None
        told = "; ".join(f"{place} for {', '.join(of)}" for place, of in places.items())
        return Untestable(f"{told}; bench.py tune {self.name}")

    def named(self, scale: str, name: str) -> str:
        """The arm with this name, or with another one for the same run."""
        runs = self.runs(scale)
        return next(other for other, run in runs.items() if run == runs[name])

    def lowest(self, scale: str, arm: str) -> Claim:
        """The claim for a user's arm: a lower fd_cifar10 than MoCA-A2."""
        return Claim(f"C17[{arm}]", f"{arm} has a lower fd_cifar10 than MoCA-A2.", self.place,
                     Ordering("fd_cifar10", (arm,), ("moca[A2]",)), "custom")
