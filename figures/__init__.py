"""Plots: each maps the DataFrame of a data.csv, and its folder, to a Figure.

The folder has the points and image grids of single runs."""

from collections.abc import Callable
from pathlib import Path

from figures.defaults import DEFAULTS  # isort: skip  before anything else imports Matplotlib

from matplotlib import rc_context
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
    leaderboard,
    reconstruction,
    scaling,
    score_table,
    spectrum,
    speed,
)
from figures.style import RC

PLOTS = (ablation, convergence, embedding, gallery, grid_search, image_distance, lambda_curves,
         leaderboard, reconstruction, scaling, score_table, spectrum, speed)
# an artefact names its plot, a module of this package; all are drawn in the same style, whatever
# the user has set
FIGURES: dict[str, Callable[[DataFrame, Path], Figure]] = {
    plot.__name__.removeprefix("figures."): rc_context(DEFAULTS | RC)(plot.draw) for plot in PLOTS}
