"""The leaderboard: mean ranks and who is told apart, quality against cost, samples per row."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.ticker import LogLocator, NullFormatter
from pandas import DataFrame, read_csv

from figures.style import BLUE, VERMILION, WARNING, seeds, setting

COLOURS = (BLUE, VERMILION)  # of the dimensions, one after the other
UNMATCHED = ("autoencoder", "vae", "beta-vae", "rae", "svae")  # no penalty that matches codes


def draw(data: DataFrame, folder: Path) -> Figure:
    """Above, a critical-difference diagram; below, score against time, and a strip per row."""
    panels = list(data["panel"].drop_duplicates())
    tall = 0.21 * int(data["panel"].value_counts().max())
    top = max(2.0, 0.6 * tall)
    figure = Figure(figsize=(4.6 + 2.9 * len(panels), top + 0.9 + max(tall, 2.6)))
    grid = figure.add_gridspec(2, 1 + len(panels), height_ratios=[top, max(tall, 2.6)],
                               width_ratios=[3.6, *[2.9] * len(panels)])
    _ranks(figure.add_subplot(grid[0, :]), folder)
    _costs(figure.add_subplot(grid[1, 0]), data, panels)
    for place, panel in enumerate(panels, start=1):
        _samples(figure.add_subplot(grid[1, place]), data[data["panel"] == panel], panel, folder)
    figure.suptitle(f"{setting(data)}, up to {seeds(data['n'].max())}")
    return figure


def _ranks(ax: Axes, folder: Path) -> None:
    """Mean ranks in fd_mnist over dimensions and seeds, as Demsar draws them."""
    from scikit_posthocs import critical_difference_diagram
    pairs = read_csv(folder / "pairs.csv", keep_default_na=False)
    ax.set_title("Mean rank in fd_mnist, 1 is best; bars join rows that are not told apart "
                 "(Conover's test, Holm, 5 %)")
    if pairs.empty or not pairs["n"].gt(1).all():
        ax.annotate("ranks need two seeds of three rows", (0.5, 0.5), xycoords="axes fraction",
                    ha="center", color=WARNING)
        ax.set_axis_off()
        return
    ranks = dict(zip(pairs["better"], pairs["rank_better"], strict=True))
    ranks |= dict(zip(pairs["worse"], pairs["rank_worse"], strict=True))
    names = list(ranks)
    apart = DataFrame(1.0, names, names)
    for _, row in pairs.iterrows():
        apart.loc[row["better"], row["worse"]] = apart.loc[row["worse"], row["better"]] = (
            row["p_holm"])
    black = dict.fromkeys(names, "black")
    critical_difference_diagram(
        ranks, apart, ax=ax, color_palette=black, label_fmt_left="{label} ({rank:.1f})",
        label_fmt_right="({rank:.1f}) {label}", label_props={"fontsize": 7},
        elbow_props={"linewidth": 0.7}, crossbar_props={"linewidth": 1.8, "color": "#777777"},
        marker_props={"s": 6})


def _costs(ax: Axes, data: DataFrame, panels: list[str]) -> None:
    """Score against the regularizer's time in a step; rows without one are lines at their score."""
    for panel, colour in zip(panels, COLOURS, strict=False):
        rows = data[data["panel"] == panel]
        timed = rows[rows["regularizer_ms"].notna() & ~rows["label"].map(_is_reference)]
        ax.errorbar(timed["regularizer_ms"], timed["score_mean"], fmt="o", ms=4, color=colour,
                    yerr=(timed["score_mean"] - timed["score_low"]).fillna(0), label=panel,
                    elinewidth=0.8)
        for _, row in timed.iterrows():
            ax.annotate(row["label"], (row["regularizer_ms"], row["score_mean"]), xytext=(3, 2),
                        textcoords="offset points", fontsize=5, color=colour)
        for _, row in rows[rows["label"].map(_is_reference)].dropna(subset="score_mean").iterrows():
            ax.axhline(row["score_mean"], color=colour, lw=0.6, ls=":")
    ax.set(xscale="log", yscale="log", xlabel="the regularizer alone, ms per step",
           ylabel="fd_mnist, mean and 95 % interval", title="dotted: rows without a regularizer")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    ax.legend(loc="best")


def _is_reference(label: str) -> bool:
    return str(label).partition(" ")[0].rstrip(",") in UNMATCHED


def _samples(ax: Axes, rows: DataFrame, panel: str, folder: Path) -> None:
    """Samples of each row from the prior, best rank first."""
    ax.set(xlim=(0, 8), ylim=(len(rows) - 0.5, -0.5), title=f"{panel}: samples from the prior")
    ax.grid(False)
    labels = []
    for place, (_, row) in enumerate(rows.iterrows()):
        labels.append(row["label"] if isinstance(row["label"], str) else row["arm"])
        if isinstance(row["exhibit"], str):
            picture = imread(folder / "tiles" / f"{row['exhibit']}.samples.png")
            ax.imshow(picture, extent=(0, 8, place + 0.47, place - 0.47), aspect="auto",
                      cmap="gray")
    ax.set_yticks(range(len(rows)), labels, fontsize=6)
    ax.set_xticks([])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
