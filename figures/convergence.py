"""Curves of a distance over epochs: mean over seeds with a 95 % band, and the floor (Figure 1)."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator, ScalarFormatter
from pandas import DataFrame

from figures.style import FLOOR, Look, lacking, looks, warn

TITLES = {"main": "Synthetic data N(0, I), batch 64", "temperature": "Temperature, own keys, Eq. 5",
          "full batch": "Full batch (1 step an epoch)", "uniform data": "Uniform data",
          "beyond the paper": "Beyond the paper; MMD and SWD with MoCA's memory",
          "forms of the baselines": "Baselines in other forms"}
TALL = ("beyond the paper",)  # panels that have a row and a legend of their own, as the first has
EPOCHS = (0, 1, 2, 5, 10, 20, 40, 80, 160, 320)


def plain(arm: str, panel: str) -> str:
    """The arm's name without its panel, so that it looks the same in every panel."""
    return arm.removesuffix(f" {panel}")


def draw(data: DataFrame, folder: Path) -> Figure:
    """Tall panels with their legends beside them, the others in a row below; `folder` is unused.

    The first panel's legend also names the arms of the others in that row."""
    first, *others = data["panel"].drop_duplicates()
    tall = [first, *(panel for panel in others if panel in TALL)]
    small = [panel for panel in others if panel not in TALL]
    arms = [plain(arm, panel) for arm, panel in zip(data["arm"], data["panel"], strict=True)]
    every = looks([arm for arm in dict.fromkeys(arms) if arm != "floor"])
    figure = Figure(figsize=(7.4, 0.6 + 3.2 * len(tall) + 2.2 * bool(small)))
    axes, beside = _layout(figure, tall, small)
    for panel, ax in axes.items():
        _panel(ax, data[data["panel"] == panel], panel, every)
    for panel in (*tall, *small[:1]):
        axes[panel].set_ylabel("latent SWD (root)")
    for panel, empty in beside.items():
        named = [first, *small] if panel == first else [panel]
        _legend(empty, [axes[each] for each in named], every)
    scale, seeds = data["scale"].iloc[0], int(data["n"].max(skipna=True))
    figure.suptitle(f"Latent distance to the uniform law on the sphere, {scale} scale, "
                    f"mean of {seeds} seeds, 95 % band")
    return figure


def _layout(
    figure: Figure, tall: list[str], small: list[str]
) -> tuple[dict[str, Axes], dict[str, Axes]]:
    """The axes per panel, and per tall panel an empty one beside it for its legend."""
    ratios = [1.25] * len(tall) + [1] * bool(small)
    grid = figure.add_gridspec(len(ratios), 1, height_ratios=ratios)
    axes, beside = dict[str, Axes](), dict[str, Axes]()
    for k, panel in enumerate(tall):
        pair = grid[k].subgridspec(1, 2, width_ratios=[2.15, 1]).subplots(squeeze=False)[0]
        axes[panel], beside[panel] = pair
        beside[panel].set_axis_off()
    if small:
        row = grid[len(tall)].subgridspec(1, len(small)).subplots(sharey=True, squeeze=False)[0]
        axes |= dict(zip(small, row, strict=True))
    return axes, beside


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


def _legend(beside: Axes, axes: list[Axes], every: dict[str, Look]) -> None:
    """Every arm of these axes once, in the order of `every`, and the floor last."""
    handles = {label: handle for ax in axes
               for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    labels = [look.label for look in (*every.values(), FLOOR) if look.label in handles]
    beside.legend([handles[label] for label in labels], labels, loc="center left",
                  borderaxespad=0, handlelength=2.4)
