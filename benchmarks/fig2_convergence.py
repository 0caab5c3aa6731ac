"""Figure 2: distance between samples and test images during training, by lambda."""

from dataclasses import replace

from benchmarks.harness.spec.artefact import Arm, Artefact, Curve, DataFrame, Measure
from benchmarks.harness.spec.claims import (
    Claim,
    Ordering,
    Range,
    Tracking,
    Trend,
    Untestable,
    joined,
)
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import CIFAR10, with_temperature

EVERY = 5  # epochs, Section 4.1


def template(scale: str) -> Run:
    """Section 4.1: architecture A2, the same settings for every arm."""
    return CIFAR10.moca(scale)


def arms(scale: str) -> tuple[Arm, ...]:
    """One panel each for MoCA and for WAE-MMD with either prior, at every lambda.

    Except at mini scale, also one for MoCA at tau = 1 (A8), where lambda is above 0."""
    found = []
    for lam in LAMBDAS[scale]:
        runs = [replace(template(scale), lam=float(lam)),
                *(CIFAR10.rival(scale, "a2", "mmd", prior, float(lam))
                  for prior in ("sphere", "gaussian"))]
        found += [Arm(arm_name(method, lam), run, (method,))
                  for method, run in zip(METHODS, runs, strict=True)]
    warm = [Arm(arm_name("moca", lam, WARM),
                with_temperature(replace(template(scale), lam=float(lam)), 1.0), ("moca tau=1",), 1)
            for lam in LAMBDAS[scale] if lam]
    return (*found, *(warm if WARM in temperatures(scale) else ()))


def curves(scale: str) -> tuple[Curve, ...]:
    """Section 4.1: the distance at the start and after every fifth epoch."""
    return (Curve("image_swd", CIFAR10.n_eval[scale], EVERY),)


def measures(scale: str, seed: int) -> tuple[Measure, ...]:
    """Measures of the final models, beside the curve."""
    return tuple(Measure(name, CIFAR10.n_eval[scale]) for name in ("reconstruction", "latent_swd"))


def table(rows: DataFrame) -> DataFrame:
    """Per panel, lambda and epoch: mean, deviation and 95 % interval of the distance."""
    from benchmarks.harness.analysis.tables import curve_table
    return curve_table(rows, ["swd_image_std", "swd_image_unit"], keep=["lam"])


# the mini grid keeps only the paper's ends, to finish in half an hour
LAMBDAS = {"paper": (0, 1, 10, 100, 1000), "mini": (0, 1000), "smoke": (0, 1000)}
METHODS = ("moca", "mmd sphere", "mmd gaussian")  # the paper does not state WAE-MMD's prior (A16)
INF = float("inf")
PLACE = "Section 4.1, Figure 2"
WARM = ",tau=1"
ONE_MODEL = Untestable("one model under two names: no regularizer, and one prior")


def temperatures(scale: str) -> tuple[str, ...]:
    """The notes in the names of MoCA's arms, and in claims, for tau = .05 and for tau = 1."""
    return ("",) if scale == "mini" else ("", WARM)


def arm_name(method: str, lam: float, tau: str = "") -> str:
    """The name of a method's arm at a lambda; without a regularizer there is no temperature."""
    return f"{method}[lam={lam:g}{tau if lam else ''}]"


def arm_names(scale: str, method: str, tau: str = "") -> tuple[str, ...]:
    """The names of a method's arms by increasing lambda; the first is lambda 0."""
    return tuple(arm_name(method, lam, tau) for lam in LAMBDAS[scale])


def claims_against(scale: str, method: str, tau: str) -> dict[str, Claim]:
    """The readings of C6 and C7 against WAE-MMD with one of the priors, by claim.

    On the sphere the two methods are one model at lambda 0, so that lambda is left out."""
    prior, moca, mmd = method.split()[1], arm_names(scale, "moca", tau), arm_names(scale, method)
    same = prior == "sphere"
    ours, theirs = (moca[1:], mmd[1:]) if same else (moca, mmd)
    which, us = f"every lambda{' above 0' if same else ''}", f"MoCA{' (tau = 1)' * bool(tau)}"
    return {
        "C6": Claim(f"C6[{prior}{tau}]", f"After 5 epochs {which} of {us} is below {which} of "
                    f"WAE-MMD ({prior} prior).", PLACE, Ordering("distance_at_5", ours, theirs)),
        "C6[absolute]": Claim(
            f"C6[{prior},absolute{tau}]", f"After 5 epochs {us} is below 1800, WAE-MMD ({prior} "
            f"prior) above 2300, at {which}.", PLACE,
            Range("distance_at_5", (*((arm, 0.0, 1800.0) for arm in ours),
                                    *((arm, 2300.0, INF) for arm in theirs))), scales=("paper",)),
        "C7": Claim(f"C7[{prior}{tau}]", f"In the end {us} is below WAE-MMD ({prior} prior) at "
                    "every lambda above 0.", PLACE,
                    Ordering("swd_image_std", moca[1:], mmd[1:], matched=True))}


def larger_is_worse(scale: str, method: str) -> Claim:
    """The reading of C8 for WAE-MMD with one of the priors."""
    prior, mmd = method.split()[1], arm_names(scale, method)
    return Claim(f"C8[{prior}]", f"WAE-MMD ({prior} prior) ends worse at lambda 1000 than at some "
                 "smaller lambda.", PLACE,
                 Ordering("swd_image_std", mmd[:-1], mmd[-1:], quantifier="any"))


def of_moca(scale: str) -> tuple[Claim, ...]:
    """C4 and C5, whose readings are MoCA's temperatures."""
    falls = "The distance of MoCA's samples falls with the epochs, at every lambda."
    smaller = "The larger lambda, the smaller MoCA's final distance."
    grids = {f"[{tau.strip(',') or 'tau=0.05'}]": arm_names(scale, "moca", tau)
             for tau in temperatures(scale)}
    early = Untestable("the training is too short for a trend")
    return (
        joined("C4", falls, PLACE, [
            Claim(f"C4{note}", falls, PLACE, early if scale != "paper" else Range(
                "distance_trend", tuple((arm, -INF, -0.8) for arm in grid), True))
            for note, grid in grids.items()]),
        joined("C5", smaller, PLACE, [Claim(f"C5{note}", smaller, PLACE,
                                            Trend("swd_image_std", grid))
                                      for note, grid in grids.items()]))


TEXTS = {
    "C6": "After 5 epochs every lambda of MoCA is below every lambda of WAE-MMD.",
    "C6[absolute]": "After 5 epochs MoCA is below 1800 and WAE-MMD above 2300, at every lambda.",
    "C7": "In the end MoCA is below WAE-MMD at every lambda above 0."}


def at_zero(scale: str) -> tuple[Claim, ...]:
    """C7 and C6b at lambda 0, where neither method has a regularizer."""
    moca, gaussian = arm_name("moca", 0), arm_name("mmd gaussian", 0)
    return (
        Claim("C7[gaussian,lam=0]", "In the end MoCA is below WAE-MMD (gaussian prior) at lambda "
              "0, where neither has a regularizer.", PLACE,
              Ordering("swd_image_std", (moca,), (gaussian,))),
        Claim("C7[sphere,lam=0]", "In the end MoCA is below WAE-MMD (sphere prior) at lambda 0, "
              "where neither has a regularizer.", PLACE, ONE_MODEL, "ours"),
        Claim("C6b[sphere]", "At lambda 0 MoCA and WAE-MMD are one autoencoder if both have the "
              "sphere.", "ours", ONE_MODEL, "ours"),
        Claim("C6b[gaussian]", "At lambda 0 the sphere alone brings samples closer than the "
              "Gaussian prior.", "ours",
              Ordering("distance_at_5", (moca,), (gaussian,)), "ours"))


def claims(scale: str) -> tuple[Claim, ...]:
    """C4 to C8 and C30, and the effect of the prior alone at lambda 0."""
    against = [claims_against(scale, method, tau) for tau in temperatures(scale)
               for method in METHODS[1:]]
    return (
        *of_moca(scale),
        *(joined(id, text, PLACE, [each[id] for each in against]) for id, text in TEXTS.items()),
        joined("C8", "WAE-MMD ends worse at lambda 1000 than at some smaller lambda.", PLACE,
               [larger_is_worse(scale, method) for method in METHODS[1:]]),
        Claim("C30", "The smaller an autoencoder's reconstruction error and the nearer its codes "
              "to the prior, the nearer its samples to the test images, over all runs.",
              "Theorem 1, Section 4.1",
              Tracking("swd_image_std", ("test_reconstruction", "latent_mismatch"),
                       tuple(arm.name for arm in arms(scale)))),
        *at_zero(scale))


def lower(scale: str, arm: str) -> Claim:
    """The claim for a user's arm: it ends below MoCA."""
    return Claim(f"C7[{arm}]", f"In the end {arm} is below MoCA at every lambda.",
                 PLACE, Ordering("swd_image_std", (arm,), arm_names(scale, "moca")), "custom")


ARTEFACT = Artefact(
    name="fig2-convergence",
    caption="Distance of samples to the test images over the training, by lambda, CIFAR-10",
    place="Figure 2, Section 4.1", figure="image_distance",
    seeds={"paper": 3, "mini": 1, "smoke": 1}, arms=arms, template=template,
    settings=CIFAR10.settings, table=table, claims=claims, claim_for=lower,
    ambiguities=(*CIFAR10.ambiguities, "A16", "A30"), measures=measures, curves=curves)
