"""Validation score against lambda, one line per regularizer (choice of lambda)."""

from pathlib import Path

from matplotlib.figure import Figure
from pandas import DataFrame

from figures.style import lacking, legend_beside, rival_looks, setting, warn


def draw(data: DataFrame, folder: Path) -> Figure:
    """A ring around each chosen lambda; `folder` is unused."""
    metric, architecture = (str(data[name].iloc[0]) for name in ("metric", "architecture"))
    looks = rival_looks(list(data["panel"].drop_duplicates()))
    figure = Figure(figsize=(6.4, 3.8))
    ax = figure.subplots()
    for panel, rows in data.groupby("panel", sort=False):
        look, score = looks[str(panel)], f"{metric}_mean"
        ax.plot(rows["lam"], rows[score], marker=".", color=look.colour, ls=look.dash,
                label=look.label)
        best = rows[rows["chosen"]]
        ax.plot(best["lam"], best[score], "o", mfc="none", ms=8, color=look.colour)
    ax.set(xscale="log", xlabel="λ", ylabel=metric)
    warn(ax, *lacking(data, "missing"))
    legend_beside(ax)
    figure.suptitle(f"{setting(data)}, {architecture.upper()}: score on validation images")
    return figure
