"""Singular values of codes, one line per lambda, beside those of prior draws (Figure 3)."""

from pathlib import Path

from matplotlib.figure import Figure
from pandas import DataFrame, read_csv

from figures import style


def draw(data: DataFrame, folder: Path) -> Figure:
    """The spectra of the drawn seed; the scores in the legend are means over the seeds."""
    every = style.by_lambda(data)
    figure = Figure(figsize=(7.4, 3.8))
    ax = figure.subplots()
    floor = None
    for _, row in data.iterrows():
        if not isinstance(row["exhibit"], str):
            continue
        spectrum = read_csv(folder / "points" / f"{row['exhibit']}.spectrum.csv")
        look = every[row["arm"]]
        ax.plot(spectrum["rank"], spectrum["codes"], color=look.colour, ls=look.dash,
                label=f"{look.label}: " + ", ".join([f"CV {row['sv_cv_mean']:.2f}",
                                                     *style.frechet(row)]))
        floor = spectrum if floor is None else floor
    if floor is not None:
        ax.plot(floor["rank"], floor["prior"], color=style.FLOOR.colour, lw=1, ls="--",
                label=f"as many prior draws: CV {data['floor_sv_cv_mean'].mean():.2f}")
        style.legend_beside(ax)
    style.warn(ax, *style.lacking(data, "missing"))
    ax.set(xlabel="rank", ylabel="singular value / √(n/d)")
    figure.suptitle(f"{style.setting(data)}: singular values of the codes of training images, "
                    f"seed {data['drawn_seed'].iloc[0]}")
    return figure
