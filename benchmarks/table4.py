"""Table 4: scores by MoCA's base momentum, and without the positive term."""

from dataclasses import replace
from functools import partial

from benchmarks import grid_artefact
from benchmarks.harness.spec.artefact import Arm
from benchmarks.harness.spec.claims import FID_NOISE, Claim, Equivalence, Ordering
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.recipes import ABLATION, ablation

CITED = {"m0=0": 86.57, "m0=0.9": 98.97, "m0=0.99": 47.96, "m0=0.999": 47.46}
MOMENTA = {"paper": (0.0, 0.9, 0.99, 0.999), "mini": (0.0, 0.9, 0.99, 0.999), "smoke": (0.0, 0.999)}
UNALIGNED = "no positive"  # C28


def arms(scale: str) -> tuple[Arm, ...]:
    """MoCA at every base momentum (A7), and without its positive term."""
    run = ablation(scale)
    hyper = dict(run.hyper)
    found = [Arm(f"m0={m0:g}", resolve(run, "moca", {**hyper, "m0": m0}))
             for m0 in MOMENTA[scale]]
    alone = {name: hyper[name] for name in ("tau", "K", "m0")}
    return (*found, Arm(UNALIGNED, resolve(run, "repulsion", alone)))


def claims(scale: str) -> tuple[Claim, ...]:
    """C23, C23b and C28."""
    near = tuple(f"m0={m0:g}" for m0 in MOMENTA[scale] if m0 >= 0.99)
    far = tuple(f"m0={m0:g}" for m0 in MOMENTA[scale] if m0 < 0.99)
    ordering = partial(Ordering, "fid", at_least=FID_NOISE)
    worse = partial(ordering, near[-1:], or_diverges=True)
    found = grid_artefact.with_proxies(
        Claim("C23", "A base momentum of .99 or .999 gives a lower FID than one of 0 or .9.",
              "Appendix D.3, Table 4", ordering(near, far)),
        Claim("C28[positive]", "Without the positive term the FID is higher, or training "
              "diverges.", "Section 3", worse((UNALIGNED,))),
        Claim("C28[momentum]", "Without momentum the FID is higher, or training diverges.",
              "Section 3", worse(far[:1])))
    if len(near) < 2:
        return found
    return found + grid_artefact.with_proxies(
        Claim("C23b", "Momenta of .99 and .999 differ by no more than replicates do.",
              "Appendix D.3, Table 4",
              Equivalence(("fid",), near[0], near[1], FID_NOISE, or_noise=True), "ours"))


ARTEFACT = replace(grid_artefact.grid(
    "table4", "Scores of samples by MoCA's base momentum, CelebA", "Table 4, Appendix D.3",
    "ablation", ABLATION._replace(ambiguities=(*ABLATION.ambiguities, "A7")), arms,
    partial(grid_artefact.table, cited=CITED, dataset="celeba", keep=["hyper.m0"]), claims),
    seeds=grid_artefact.TWO_SEEDS)
