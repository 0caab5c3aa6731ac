"""The plots: each takes the DataFrame of a data.csv, and the folder that has it, to a Figure.

The folder holds the points and tiles that single runs show beside the table.
"""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure
from pandas import DataFrame

from figures import (
    ablation,
    convergence,
    embedding,
    gallery,
    grid_search,
    image_distance,
    lambda_curves,
    reconstruction,
    scaling,
    score_table,
    spectrum,
    speed,
)

FIGURES: dict[str, Callable[[DataFrame, Path], Figure]] = {
    "fig1-synthetic": convergence.draw,
    "fig2-convergence": image_distance.draw,
    "fig3-isotropy": spectrum.draw,
    "fig4-latent-dim": lambda_curves.draw,
    "fig5-celebahq": gallery.draw,
    "fig6-samples": gallery.draw,
    "fig7-tsne": embedding.draw,
    "fig8-reconstruction": reconstruction.draw,
    "fig9-input-size": lambda_curves.draw,
    "fig10-temperature": lambda_curves.draw,
    "fig11-celebahq-samples": gallery.draw,
    "fig12-celebahq-reconstructions": gallery.draw,
    "fig13-celebahq-interpolations": gallery.draw,
    "fig14-cifar10-samples": gallery.draw,
    "fig15-celeba-samples": gallery.draw,
    "fig16-cifar10-reconstructions": gallery.draw,
    "fig17-celeba-reconstructions": gallery.draw,
    "fig18-cifar10-interpolations": gallery.draw,
    "fig19-celeba-interpolations": gallery.draw,
    "table1": score_table.draw,
    "table2": score_table.draw,
    "table3": scaling.draw,
    "table4": ablation.draw,
    "table5": ablation.draw,
    "speed": speed.draw,
    **{f"tune-{name}": grid_search.draw for name in ("table1-a1", "table2-a1", "table2-a2")},
}
