"""Scores of samples against lambda, a line a panel, a star where it is best (Figures 4, 9, 10)."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.score_table import METRICS
from figures.style import RC, in_shades, lacking, looks, seeds, setting, warn


def draw(data: DataFrame, folder: Path) -> Figure:
    """FID where it was measured, and its stand-in; the user's own arms are lines of one point."""
    shown = [name for name in METRICS if data[f"{name}_mean"].notna().any()] or ["fid"]
    with rc_context(RC):
        figure = Figure(figsize=(1.6 + 3.8 * len(shown), 3.6))
        axes = figure.subplots(1, len(shown), squeeze=False)[0]
        for ax, name in zip(axes, shown, strict=True):
            _lines(ax, data, name)
            ax.set_xscale("log")
            ax.set_xlabel("λ")
            ax.set_ylabel(METRICS[name])
        warn(axes[-1], *lacking(data, "missing", "diverged"))
        axes[-1].legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, borderaxespad=0)
        figure.suptitle(f"{setting(data)}, up to {seeds(data['n'].max())}", fontsize=9.5)
    return figure


def _lines(ax: Axes, data: DataFrame, name: str) -> None:
    own = data["panel"] == "main"
    colours = in_shades(list(data["panel"][~own].drop_duplicates()))
    mine = looks(list(data["arm"][own]))
    score = f"{name}_mean"
    lines = data["arm"].where(own, data["panel"])  # the user's own arms share a panel
    for line in lines.drop_duplicates():
        rows = data[lines == line].sort_values("lam")
        colour = mine[line].colour if line in mine else colours[line]
        ax.errorbar(rows["lam"], rows[score], yerr=rows[score] - rows[f"{name}_low"], marker="o",
                    ms=4, capsize=3, color=colour, label=line)
        if rows[score].notna().any():
            best = rows.iloc[int(rows[score].argmin())]
            ax.plot([best["lam"]], [best[score]], marker="*", ms=12, color=colour, mec="white")
