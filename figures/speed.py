"""Bars of measured times, with the ratio to the first of each kind beside them."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.style import BLUE

WIDE = 20  # times
OURS, OTHERS = BLUE, "#999999"


def draw(data: DataFrame, folder: Path) -> Figure:
    """One panel per group; regularizers alone at one number of codes and one dimension."""
    timed = data[data["unit"] == "ms"]
    alone = timed[timed["group"] == "regularizer alone"]
    sizes = alone["what"].str.extract(r"(B = .*)$")[0]
    timed = timed.drop(alone.index[sizes != sizes.iloc[0]] if len(alone) else [])
    groups = list(timed["group"].drop_duplicates())
    heights = [len(timed[timed["group"] == group]) + 1.5 for group in groups]
    figure = Figure(figsize=(9, 0.22 * sum(heights) + 0.5))
    panels = figure.subplots(len(groups), 1, height_ratios=heights, squeeze=False)[:, 0]
    for ax, group in zip(panels, groups, strict=True):
        _bars(ax, timed[timed["group"] == group].reset_index(drop=True))
        ax.set_title(group, loc="left")
    panels[-1].set_xlabel("milliseconds, median with quartiles")
    figure.suptitle(f"{data['scale'].iloc[0]} scale; behind each bar: over the first of its kind")
    return figure


def _bars(ax: Axes, rows: DataFrame) -> None:
    first = ~rows["what"].duplicated()
    error = [(rows["median"] - rows["low"]).to_numpy(), (rows["high"] - rows["median"]).to_numpy()]
    ax.barh(rows.index, rows["median"], xerr=error, height=0.7, capsize=0,
            color=[OURS if leads else OTHERS for leads in first])
    for place, row in rows.iterrows():
        ax.annotate(f"x {row['relative']:.2f}", (row["high"], place), xytext=(4, 0),
                    textcoords="offset points", va="center", fontsize=7)
    ax.set_yticks(rows.index, [f"{row.what}: {row.who}" for row in rows.itertuples()], fontsize=7)
    ax.invert_yaxis()
    if rows["median"].max() > WIDE * rows["median"].min():
        ax.set_xscale("log")  # else the lengths of the bars can be compared
    ax.margins(x=0.15)
