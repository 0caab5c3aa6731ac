"""Figure 10: the best lambda at each temperature, and its score."""

from dataclasses import replace
from functools import partial

from benchmarks import grid_artefact
from benchmarks.harness.spec.artefact import Arm
from benchmarks.harness.spec.claims import FID_NOISE, Claim, Ordering, Trend
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import ABLATION, ablation

# the paper states neither grid (A15)
TAUS = {"paper": (0.05, 0.1, 0.2, 0.5, 1.0), "mini": (0.05, 0.2, 1.0), "smoke": (0.05, 1.0)}
LAMBDAS = {"paper": (100, 300, 1000, 3000, 10_000), "mini": (100, 1000, 10_000),
           "smoke": (100, 10_000)}
EPOCHS = {"paper": 50, "mini": 4, "smoke": 2}


def template(scale: str) -> Run:
    """Appendix D.4: a quarter of the other ablations' epochs."""
    return replace(ablation(scale), epochs=EPOCHS[scale])


def arms(scale: str) -> tuple[Arm, ...]:
    """One panel per temperature."""
    run = template(scale)
    return tuple(
        Arm(f"tau={tau:g},lam={lam:g}", resolve(run, "moca", dict(run.hyper) | {
            "tau": tau, "lam": float(lam)}), (f"tau={tau:g}",))
        for tau in TAUS[scale] for lam in LAMBDAS[scale])


def claims(scale: str) -> tuple[Claim, ...]:
    """C24 to C26, on the best score of each panel."""
    panels = tuple(f"tau={tau:g}" for tau in TAUS[scale])
    place = "Appendix D.4, Figure 10"
    return grid_artefact.with_proxies(
        Claim("C24", "The lower tau, the lower the lambda that is best.", place,
              Trend("best_lam:fid", panels, "rises")),
        Claim("C25", "The lower tau, the lower the best FID.", place,
              Trend("best:fid", panels, "rises", at_least=FID_NOISE)),
        Claim("C26", "Some tau below 1 has a lower best FID than tau = 1.", "Section 4.5",
              Ordering("best:fid", panels[:-1], panels[-1:], "any", at_least=FID_NOISE)))


ARTEFACT = grid_artefact.grid(
    "fig10-temperature", "Scores of samples by temperature and lambda, CelebA",
    "Figure 10, Appendix D.4", "lambda_curves",
    ABLATION._replace(template=template, ambiguities=(*ABLATION.ambiguities, "A15")), arms,
    partial(grid_artefact.table, keep=["lam", "hyper.tau"]), claims)
