"""Plots: each maps the DataFrame of a data.csv, and its folder, to a Figure.

The folder has the points and image grids of single runs."""

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

# an artefact names its plot
FIGURES: dict[str, Callable[[DataFrame, Path], Figure]] = {
    "ablation": ablation.draw,
    "convergence": convergence.draw,
    "embedding": embedding.draw,
    "gallery": gallery.draw,
    "grid_search": grid_search.draw,
    "image_distance": image_distance.draw,
    "lambda_curves": lambda_curves.draw,
    "reconstruction": reconstruction.draw,
    "scaling": scaling.draw,
    "score_table": score_table.draw,
    "spectrum": spectrum.draw,
    "speed": speed.draw}
