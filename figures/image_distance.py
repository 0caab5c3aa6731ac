"""Distance in image space over the training: a panel per method, a line per lambda (Figure 2)."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.style import Look, by_lambda, lacking, setting, warn

TITLES = {"moca": "MoCA", "moca tau=1": "MoCA, τ = 1", "mmd sphere": "WAE-MMD, sphere",
          "mmd gaussian": "WAE-MMD, Gaussian"}


def draw(data: DataFrame, folder: Path) -> Figure:
    """One row of panels with the same axes; `folder` is unused."""
    panels = list(data["panel"].drop_duplicates())
    every = by_lambda(data)
    figure = Figure(figsize=(1.4 + 2.5 * len(panels), 3.6))
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for ax, panel in zip(axes, panels, strict=True):
        _panel(ax, data[data["panel"] == panel], every)
        ax.set(title=TITLES.get(panel, panel), xlabel="epoch")
    axes[0].set_ylabel("SWD, samples to test images")
    handles = {label: handle for ax in axes for handle, label in
               zip(*ax.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside right center")
    n = f"{data['n_eval'].max()} samples" if data["n_eval"].notna().any() else "no run yet"
    figure.suptitle(f"{setting(data)}: image SWD over the training, {n}, mean and 95 % band")
    return figure


def _panel(ax: Axes, data: DataFrame, every: dict[str, Look]) -> None:
    """One line per arm with its band; a note on missing or diverged runs."""
    for arm, rows in data.groupby("arm", sort=False):
        look = every[str(arm)]
        taken = rows.dropna(subset=["epoch", "swd_image_std_mean"])
        ax.plot(taken["epoch"].astype(float), taken["swd_image_std_mean"], marker="o", ms=3,
                color=look.colour, ls=look.dash, label=look.label)
        band = taken.dropna(subset=["swd_image_std_low"])
        ax.fill_between(band["epoch"].astype(float), band["swd_image_std_low"],
                        band["swd_image_std_high"], color=look.colour, alpha=0.15, lw=0)
    warn(ax, *lacking(data.drop_duplicates("arm"), "missing", "diverged"))
