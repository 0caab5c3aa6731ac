"""The plots: each takes the DataFrame of a data.csv, and the folder that has it, to a Figure.

The folder holds the points and tiles that single runs show beside the table.
"""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure
from pandas import DataFrame

from figures import (
    convergence,
    embedding,
    gallery,
    grid_search,
    image_distance,
    reconstruction,
    score_table,
    spectrum,
)

FIGURES: dict[str, Callable[[DataFrame, Path], Figure]] = {
    "fig1-synthetic": convergence.draw,
    "fig2-convergence": image_distance.draw,
    "fig3-isotropy": spectrum.draw,
    "fig6-samples": gallery.draw,
    "fig7-tsne": embedding.draw,
    "fig8-reconstruction": reconstruction.draw,
    "fig14-cifar10-samples": gallery.draw,
    "fig16-cifar10-reconstructions": gallery.draw,
    "fig18-cifar10-interpolations": gallery.draw,
    "table2": score_table.draw,
    "tune-table2-a1": grid_search.draw,
    "tune-table2-a2": grid_search.draw,
}
