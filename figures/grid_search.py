"""Score on the validation images against lambda, a line a regularizer (the choice of lambda)."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.style import RC, WARNING, Look, rival_looks, setting


def draw(data: DataFrame, folder: Path) -> Figure:
    """A panel an architecture; the chosen lambda is marked. All of it stands in `data`."""
    architectures = list(data["architecture"].drop_duplicates())
    labels = data["panel"].str.partition("[")[0]
    looks = rival_looks(list(labels.drop_duplicates()))
    with rc_context(RC):
        figure = Figure(figsize=(1.8 + 3.2 * len(architectures), 3.8))
        axes = figure.subplots(1, len(architectures), sharey=True, squeeze=False)[0]
        for ax, architecture in zip(axes, architectures, strict=True):
            chosen = data["architecture"] == architecture
            _panel(ax, data[chosen].assign(label=labels[chosen]), looks)
            ax.set_title(architecture.upper())
        axes[0].set_ylabel(str(data["metric"].iloc[0]))
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right center", frameon=False)
        figure.suptitle(f"{setting(data)}: score on validation images by λ",
                        fontsize=9.5)
    return figure


def _panel(ax: Axes, data: DataFrame, looks: dict[str, Look]) -> None:
    """A line per regularizer, a ring around its choice."""
    for label, rows in data.groupby("label", sort=False):
        look, column = looks[str(label)], f"{rows['metric'].iloc[0]}_mean"
        ax.plot(rows["lam"], rows[column], marker=".", color=look.colour, ls=look.dash,
                label=look.label)
        best = rows[rows["chosen"]]
        ax.plot(best["lam"], best[column], "o", mfc="none", ms=8, color=look.colour)
    ax.set_xscale("log")
    ax.set_xlabel("λ")
    missing = int(data["missing"].sum())
    if missing:
        ax.annotate(f"{missing} runs missing", (0.98, 0.98), xycoords="axes fraction", ha="right",
                    va="top", color=WARNING, fontsize=8)
