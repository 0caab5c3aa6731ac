"""Curves of a distance over epochs: mean over seeds with a 95 % band, and the floor (Figure 1)."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator, ScalarFormatter
from pandas import DataFrame

from figures.style import FLOOR, Look, lacking, looks, warn

TITLES = {"main": "Synthetic data N(0, I), batch 64", "temperature": "Temperature, own keys, Eq. 5",
          "full batch": "Full batch (1 step an epoch)", "uniform data": "Uniform data"}
EPOCHS = (0, 1, 2, 5, 10, 20, 40, 80, 160, 320)


def plain(arm: str, panel: str) -> str:
    """The arm's name without its panel, so that it looks the same in every panel."""
    return arm.removesuffix(f" {panel}")


def draw(data: DataFrame, folder: Path) -> Figure:
    """The main panel with the legend beside it, the others in a row below; `folder` is unused."""
    panels = list(data["panel"].drop_duplicates())
    arms = [plain(arm, panel) for arm, panel in zip(data["arm"], data["panel"], strict=True)]
    every = looks([arm for arm in dict.fromkeys(arms) if arm != "floor"])
    figure = Figure(figsize=(7.4, 6.0 if len(panels) > 1 else 3.9))
    top, axes = _layout(figure, panels)
    for panel, ax in axes.items():
        _panel(ax, data[data["panel"] == panel], panel, every)
    for ax in (axes[panels[0]], *list(axes.values())[1:2]):
        ax.set_ylabel("latent SWD (root)")
    _legend(top, axes, every)
    scale, seeds = data["scale"].iloc[0], int(data["n"].max(skipna=True))
    figure.suptitle(f"Latent distance to the uniform law on the sphere, {scale} scale, "
                    f"mean of {seeds} seeds, 95 % band")
    return figure


def _layout(figure: Figure, panels: list[str]) -> tuple[Axes, dict[str, Axes]]:
    """The axes per panel, and an empty one beside the first for the legend."""
    others = len(panels) - 1
    rows = 2 if others else 1
    grid = figure.add_gridspec(rows, 1, height_ratios=[1.25, 1][:rows])
    first, beside = grid[0].subgridspec(1, 2, width_ratios=[2.15, 1]).subplots(squeeze=False)[0]
    beside.set_axis_off()
    row = grid[1].subgridspec(1, others).subplots(sharey=True, squeeze=False)[0] if others else []
    return beside, dict(zip(panels, [first, *row], strict=True))


def _panel(ax: Axes, data: DataFrame, panel: str, every: dict[str, Look]) -> None:
    """One panel: curves, floor, and a note on missing runs."""
    ax.set_title(TITLES.get(panel, panel))
    warn(ax, *lacking(data.drop_duplicates("arm"), "missing"))
    if data["epoch"].isna().all():
        ax.set_xticks([])
        return
    for arm, rows in data[data["arm"] != "floor"].groupby("arm", sort=False):
        _curve(ax, rows.dropna(subset=["epoch"]), every[plain(str(arm), panel)])
    floor = data[data["arm"] == "floor"]
    ax.plot(floor["epoch"], floor["swd2_root_mean"], color=FLOOR.colour, lw=1, label=FLOOR.label)
    _axes(ax, float(data["epoch"].max()))


def _axes(ax: Axes, last: float) -> None:
    """Logarithmic distance with plain numbers; symlog epochs, which open up the start."""
    ax.set(yscale="log", xlabel="epoch")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xscale("symlog", linthresh=1, linscale=0.5)
    ax.set_xlim(0, last if last > 0 else 1)
    ax.xaxis.set_major_locator(FixedLocator([epoch for epoch in EPOCHS if epoch <= last]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(ScalarFormatter())


def _curve(ax: Axes, rows: DataFrame, look: Look) -> None:
    """Mean, band, and a cross with the number of diverged runs."""
    epochs, mean = rows["epoch"], rows["swd2_root_mean"]
    ax.plot(epochs, mean, color=look.colour, ls=look.dash, label=look.label)
    band = rows.dropna(subset=["swd2_root_low", "swd2_root_high"])
    # a logarithmic axis has no place for a band that reaches below zero
    low = band["swd2_root_low"].clip(lower=1e-3 * band["swd2_root_mean"])
    ax.fill_between(band["epoch"], low, band["swd2_root_high"], color=look.colour, alpha=0.18, lw=0)
    if len(rows) and rows["diverged"].iloc[0]:
        ax.plot(epochs.iloc[-1:], mean.iloc[-1:], "x", color=look.colour, ms=7)
        ax.annotate(f"{rows['diverged'].iloc[0]} diverged", (epochs.iloc[-1], mean.iloc[-1]),
                    xytext=(3, 4), textcoords="offset points", fontsize=7, color=look.colour)


def _legend(beside: Axes, axes: dict[str, Axes], every: dict[str, Look]) -> None:
    """Every arm of every panel once, in the order of `every`, and the floor last."""
    handles = {label: handle for ax in axes.values()
               for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    labels = [look.label for look in (*every.values(), FLOOR) if look.label in handles]
    beside.legend([handles[label] for label in labels], labels, loc="center left",
                  borderaxespad=0, handlelength=2.4)
