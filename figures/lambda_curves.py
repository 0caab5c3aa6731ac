"""Scores against lambda, one line per panel, a star at the best (Figures 4, 9, 10)."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.style import in_shades, legend_beside, looks, metric_panels


def draw(data: DataFrame, folder: Path) -> Figure:
    """FID where it was measured, and its stand-in; a user's arm is a line of one point."""
    figure, panels = metric_panels(data, (1.6, 3.8), 3.6)
    for name, ax in panels.items():
        _lines(ax, data, name)
        ax.set(xscale="log", xlabel="λ")
    legend_beside(ax)
    return figure


def _lines(ax: Axes, data: DataFrame, name: str) -> None:
    own = data["panel"] == "main"
    colours = in_shades(list(data["panel"][~own].drop_duplicates()))
    colours |= {arm: look.colour for arm, look in looks(list(data["arm"][own])).items()}
    score = f"{name}_mean"
    lines = data["arm"].where(own, data["panel"])  # the user's own arms share a panel
    for line, rows in data.groupby(lines, sort=False):
        rows = rows.sort_values("lam")
        ax.errorbar(rows["lam"], rows[score], yerr=rows[score] - rows[f"{name}_low"], marker="o",
                    ms=4, color=colours[line], label=line)
        if rows[score].notna().any():
            best = rows.iloc[int(rows[score].argmin())]
            ax.plot([best["lam"]], [best[score]], marker="*", ms=12, color=colours[line],
                    mec="white")
