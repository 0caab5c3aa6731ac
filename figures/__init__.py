"""The plots: each takes the DataFrame of a data.csv, and the folder that has it, to a Figure.

The folder holds the points and tiles that single runs show beside the table.
"""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure
from pandas import DataFrame

from figures import convergence, embedding

FIGURES: dict[str, Callable[[DataFrame, Path], Figure]] = {
    "fig1-synthetic": convergence.draw,
    "fig7-tsne": embedding.draw,
}
