"""Reconstruction error at the end of training against lambda (Figure 8)."""

from pathlib import Path

from matplotlib.figure import Figure
from pandas import DataFrame

from figures.style import BLUE, ORANGE, WARNING, by_lambda, seeds, setting

SPLITS = {"test": (BLUE, "o", "-"), "train": (ORANGE, "s", "--")}


def draw(data: DataFrame, folder: Path) -> Figure:
    """Means over the seeds with 95 % intervals; `folder` is unused."""
    figure = Figure(figsize=(max(5.6, 0.9 * len(data)), 3.6))
    ax = figure.subplots()
    data = data.reset_index(drop=True)
    own = data["arm"].str.contains("[lam=", regex=False)  # the grid; others stand alone
    for split, (colour, marker, dash) in SPLITS.items():
        mean = data[f"{split}_reconstruction_mean"]
        ax.errorbar(data.index, mean, yerr=mean - data[f"{split}_reconstruction_low"], ms=4,
                    color=colour, marker=marker, ls="none", label=f"{split} images")
        for _, line in mean[own].groupby(data["panel"]):
            ax.plot(line.index, line, color=colour, ls=dash)
    looks = by_lambda(data)
    ax.set_xticks(data.index, [looks[arm].label.replace(", ", "\n")
                               for arm in data["arm"]])
    for place, row in data.iterrows():
        notes = [f"{row[name]} {name}" for name in ("missing", "diverged") if row[name]]
        if notes:
            ax.annotate("\n".join(notes), (place, 0.02), xycoords=("data", "axes fraction"),
                        ha="center", color=WARNING, fontsize=7)
    ax.set_ylabel("squared error, summed over an image")
    ax.legend()
    figure.suptitle(f"{setting(data)}: final reconstruction error, {seeds(data['n'].max())}")
    return figure
