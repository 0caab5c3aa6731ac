"""Scores of samples along one setting, beside the paper's own numbers (Tables 4 and 5)."""

from pathlib import Path

from matplotlib.figure import Figure
from pandas import DataFrame

from figures.style import CITED, VERMILION, metric_panels


def draw(data: DataFrame, folder: Path) -> Figure:
    """Means over the seeds with 95 % intervals; the paper's numbers hollow, on FID's axis."""
    figure, panels = metric_panels(data, (1.4, 3.6), 3.4)
    places = range(len(data))
    for name, ax in panels.items():
        mean = data[f"{name}_mean"]
        ax.errorbar(places, mean, yerr=mean - data[f"{name}_low"], ls="none", marker="o", ms=5,
                    color=VERMILION, label="here")
        if name == "fid" and data["cited_fid"].notna().any():
            ax.plot(places, data["cited_fid"], ms=5, **CITED)
            ax.legend()
        ax.set_xticks(places, data["arm"], rotation=20)
        ax.set_xlim(-0.5, len(data) - 0.5)
    return figure
