"""Table 3: the best lambda at each image size, from Figure 9's runs."""

from benchmarks import fig9_input_size, grid_artefact
from benchmarks.harness.spec.artefact import Arm, DataFrame

CITED = {32: 100.0, 64: 2000.0, 256: 20_000.0}


def arms(scale: str) -> tuple[Arm, ...]:
    """Figure 9's with Appendix D's settings, on the paper's grid."""
    return tuple(arm for arm in fig9_input_size.arms(scale)
                 if not arm.stage and arm.panels != (fig9_input_size.BELOW,))


def table(rows: DataFrame) -> DataFrame:
    """The lambda with the lowest mean score per size, and the paper's in its own column."""
    from benchmarks.harness.analysis.tables import best_of_each
    scores = grid_artefact.table(rows, ["lam", "image_size"])
    found = best_of_each(scores, ["fid", "fd_cifar10"])
    real = found["dataset"] == "celebahq"
    return found.assign(cited_lam=found["image_size"].map(CITED).where(real))


ARTEFACT = grid_artefact.grid(
    "table3", "The best lambda by the images' size, CelebA-HQ", "Table 3, Appendix D.2", "scaling",
    fig9_input_size.RECIPE, arms, table,
    lambda scale: ())  # Figure 9 judges C22
