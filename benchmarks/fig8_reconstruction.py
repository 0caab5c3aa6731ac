"""Figure 8: MoCA's final reconstruction error, by lambda."""

from dataclasses import replace
from math import log

from benchmarks.harness.spec.artefact import Arm, Artefact, DataFrame, Measure
from benchmarks.harness.spec.claims import (
    Claim,
    Equivalence,
    Ordering,
    Trend,
    Untestable,
    joined,
)
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import CIFAR10, ablation_on_cifar10
from methods import Scalar

# the paper states no grid (A14); the mini grid shares its runs with Figure 3's
LAMBDAS = {"paper": (0, 100, 500, 1000, 3000, 6000), "mini": (0, 500, 1000, 3000),
           "smoke": (0, 3000)}
PLACE = "Appendix D.1, Figure 8"
SCORES = ["test_reconstruction", "train_reconstruction"]
LOWER = "The larger lambda, the lower MoCA's final reconstruction error{}."
HARMLESS = ("MoCA's regularizer does not interfere with the reconstruction: at the largest lambda "
            "its error{} is at most 5 % above that at lambda 0.")
HARM = log(1.05)
D, A = "Appendix D", "Appendix A"  # whose settings


def settings_of(scale: str) -> dict[str, Run]:
    """The run by reading: Appendix D.1 names A2 and no setting, so those before it or A's (A14).

    Mini scale has Appendix A's alone, to finish in half an hour."""
    of_a = {A: CIFAR10.moca(scale)}
    return of_a if scale == "mini" else {D: ablation_on_cifar10(scale)} | of_a


def template(scale: str) -> Run:
    """Architecture A2 with the first of the readings' settings."""
    return next(iter(settings_of(scale).values()))


def settings(scale: str) -> dict[str, dict[str, Scalar]]:
    """The template's hyper-parameters."""
    return {"moca": dict(template(scale).hyper)}


def grid(scale: str, reading: str) -> tuple[str, ...]:
    """The names of a reading's arms by increasing lambda."""
    return tuple(f"moca[lam={lam:g}{f',{D}' if reading == D else ''}]" for lam in LAMBDAS[scale])


def arms(scale: str) -> tuple[Arm, ...]:
    """MoCA at every lambda, one panel per reading."""
    return tuple(
        Arm(name, replace(run, lam=float(lam)), (D if reading == D else "main",), stage)
        for stage, (reading, run) in enumerate(settings_of(scale).items())
        for name, lam in zip(grid(scale, reading), LAMBDAS[scale], strict=True))


def measures(scale: str, seed: int) -> tuple[Measure, ...]:
    """The error on the test set; training itself records that on the training set."""
    return (Measure("reconstruction", CIFAR10.n_eval[scale]),)


def table(rows: DataFrame) -> DataFrame:
    """Errors on test and training images per lambda."""
    from benchmarks.harness.analysis.tables import final_scores
    return final_scores(rows, SCORES, keep=["lam"])


def claims(scale: str) -> tuple[Claim, ...]:
    """C21 on the test and the training set, since the paper does not say which; C32."""
    tradeoff = Claim(
        "C32", "Unlike a VAE's, MoCA's regularizer does not trade off against reconstruction.",
        PLACE, Untestable("neither the paper nor the suite varies the weight of a VAE's KL term"))
    of = [(f"[{split}{f',{D}' if reading == D else ''}]", f" on the {split} set ({reading}'s "
           "settings)", split, grid(scale, reading))
          for reading in settings_of(scale) for split in ("test", "train")]
    return (
        joined("C21", LOWER.format(""), PLACE, [
            Claim(f"C21{note}", LOWER.format(where), PLACE, Trend(f"{split}_reconstruction", names))
            for note, where, split, names in of]),
        joined("C21b", HARMLESS.format(""), PLACE, [
            Claim(f"C21b{note}", HARMLESS.format(where), PLACE, Equivalence(
                (f"log_{split}_reconstruction",), names[-1], names[0], HARM, better="lower"))
            for note, where, split, names in of]),
        tradeoff)


def lower(scale: str, arm: str) -> Claim:
    """The claim for a user's arm: a lower error than MoCA without regularizer."""
    first = arms(scale)[0].name
    return Claim(f"C21[{arm}]", f"{arm} ends with a lower reconstruction error than {first}.",
                 PLACE, Ordering("test_reconstruction", (arm,), (first,)), "custom")


ARTEFACT = Artefact(
    name="fig8-reconstruction",
    caption="Reconstruction error at the end of training by lambda, CIFAR-10",
    place="Figure 8, Appendix D.1", figure="reconstruction",
    seeds={"paper": 2, "mini": 2, "smoke": 1}, arms=arms, template=template,
    settings=settings, table=table, claims=claims, claim_for=lower,
    ambiguities=(*CIFAR10.ambiguities, "A14"), measures=measures)
