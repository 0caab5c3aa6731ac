"""Scores of samples, one line per regularizer, a few samples beside it (Tables 1, 2)."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from pandas import DataFrame

from figures.style import METRICS, WARNING, measured, rival_looks, seeds, setting


def draw(data: DataFrame, folder: Path) -> Figure:
    """Means over the seeds with 95 % intervals; the paper's own numbers hollow, on FID's axis."""
    shown = measured(data)
    figure = Figure(figsize=(5.4 + 2.6 * len(shown), 1.3 + 0.34 * len(data)))
    *panels, beside = figure.subplots(1, len(shown) + 1, sharey=True, squeeze=False,
                                      width_ratios=[*[2.6] * len(shown), 2.9])[0]
    for ax, name in zip(panels, shown, strict=True):
        _scores(ax, data, name)
        ax.set_xlabel(METRICS[name])
    _samples(beside, data, folder)
    figure.suptitle(f"{setting(data)}, up to {seeds(data['n'].max())}; hollow: as printed in "
                    f"the paper; samples: seed {data['drawn_seed'].iloc[0]}")
    return figure


def _scores(ax: Axes, data: DataFrame, name: str) -> None:
    """One metric, one line per arm, the first on top."""
    looks = rival_looks(list(data["arm"].str.partition("[")[0].drop_duplicates()))
    for place, (_, row) in enumerate(data.iterrows()):
        mean = row[f"{name}_mean"]
        ax.errorbar([mean], [place], xerr=[[mean - row[f"{name}_low"]]], marker="o", ms=5,
                    color=looks[row["arm"].partition("[")[0]].colour)
        if name == "fid":
            ax.plot([row["cited_fid"]], [place], marker="D", ms=5, mfc="none", color="black")
    if data[f"{name}_mean"].isna().all():
        ax.annotate("not measured", (0.5, 0.02), ha="center", va="bottom",
                    xycoords="axes fraction", color=WARNING, fontsize=8)
    notes = [[f"{row[name]} {name}" for name in ("diverged", "missing") if row[name]]
             for _, row in data.iterrows()]  # runs without scores
    ax.set_yticks(range(len(data)), [
        ", ".join([f"{arm}  λ = {lam:g}", *note])
        for arm, lam, note in zip(data["arm"], data["lam"], notes, strict=True)])
    ax.set_ylim(len(data) - 0.5, -0.5)


def _samples(ax: Axes, data: DataFrame, folder: Path) -> None:
    """A row of samples level with each arm's scores."""
    for place, stem in enumerate(data["exhibit"]):
        if isinstance(stem, str):
            picture = imread(folder / "tiles" / f"{stem}.samples.png")
            ax.imshow(picture, extent=(0, picture.shape[1] / picture.shape[0], place + 0.47,
                                       place - 0.47), aspect="auto")
    ax.set(xlim=(0, 8), ylim=(len(data) - 0.5, -0.5))
    ax.set_axis_off()
