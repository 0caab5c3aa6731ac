"""Codes in the plane with image grids below, one column per arm (Figure 7)."""

from pathlib import Path

from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import imread
from matplotlib.lines import Line2D
from pandas import DataFrame, Series, read_csv

from figures.style import WARNING, looks, seeds

COLUMNS = 3  # arms side by side
TILES = {"reconstructions": "input,\nrecon-\nstruction", "samples": "samples",
         "interpolations": "inter-\npolation"}
CLASS_COLOURS = colormaps["tab10"].colors  # type: ignore[attr-defined]


@rc_context({"axes.grid": False})
def draw(data: DataFrame, folder: Path) -> Figure:
    """Blocks of up to three arms: t-SNE of one seed's codes, then that model's images."""
    arms = [row for _, row in data.iterrows()]
    blocks = [arms[k:k + COLUMNS] for k in range(0, len(arms), COLUMNS)]
    names = {row["arm"]: look.label for row, look in
             zip(arms, looks([row["arm"] for row in arms]).values(), strict=True)}
    wide = min(len(arms), COLUMNS)
    figure = Figure(figsize=(0.7 + 2.7 * wide, 1.1 + 5.4 * len(blocks)))
    parts = figure.subfigures(len(blocks), 1, squeeze=False)[:, 0]
    classes: set[int] = set()
    for part, block in zip(parts, blocks, strict=True):
        classes |= _block(part, block, wide, names, folder)
    _legend(figure, sorted(classes))
    first = data.iloc[0]
    points = f"{data['n_eval'].max():g}" if data["n_eval"].notna().any() else "the"
    figure.suptitle(f"{first['dataset']}, {first['scale']} scale: codes of {points} test "
                    f"points by t-SNE, seed {first['drawn_seed']}\n"
                    "scores: on the codes, mean ± standard deviation over the seeds", fontsize=9)
    return figure


def _block(part: SubFigure, block: list[Series], wide: int, names: dict[str, str],
           folder: Path) -> set[int]:
    """One row of arms; returns the classes that it shows."""
    grid = part.add_gridspec(1 + len(TILES), wide, height_ratios=[10, 2.4, 3.6, 3.6])
    classes: set[int] = set()
    for column, row in enumerate(block):
        stem = row["exhibit"]  # none where the run has no outcome
        axes = [part.add_subplot(grid[k, column]) for k in range(1 + len(TILES))]
        axes[0].set_title(f"{names[row['arm']]}\n{_scores(row)}", fontsize=8)
        for ax in axes:  # t-SNE's axes have no meaning
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        if not isinstance(stem, str):
            axes[0].annotate("no run to draw", (0.5, 0.5), xycoords="axes fraction", ha="center",
                             color=WARNING)
            continue
        classes |= _points(axes[0], folder / "points" / f"{stem}.points.csv")
        for ax, (name, label) in zip(axes[1:], TILES.items(), strict=True):
            ax.imshow(imread(folder / "tiles" / f"{stem}.{name}.png"))
            if column == 0:
                ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=7.5)
    return classes


def _scores(row: Series) -> str:
    """Mean and standard deviation over the seeds, and counts of missing or diverged runs."""
    counts = [f"{row[name]} {name}" for name in ("diverged", "missing") if row[name]]
    scores = [f"{label} {row[f'{name}_mean']:.3f}"
              + (f" ± {row[f'{name}_std']:.3f}" if row["n"] > 1 else "")
              for name, label in (("knn10_accuracy", "k-NN accuracy"), ("nmi", "NMI")) if row["n"]]
    return "\n".join([", ".join([seeds(row["n"]), *counts]), *scores])


def _points(ax: Axes, path: Path) -> set[int]:
    """The points of one run, coloured by class."""
    points = read_csv(path)
    colours = [CLASS_COLOURS[label % 10] for label in points["label"]]
    size = min(12.0, 2e4 / len(points))  # of a marker, square points
    ax.scatter(points["x"], points["y"], s=size, c=colours, lw=0, rasterized=True)
    ax.set_box_aspect(1)
    return set(points["label"])


def _legend(figure: Figure, classes: list[int]) -> None:
    """The colour of each class, in one line at the foot."""
    dots = [Line2D([], [], ls="", marker="o", ms=5, color=CLASS_COLOURS[label % 10])
            for label in classes]
    if dots:
        figure.legend(dots, [str(label) for label in classes], loc="outside lower center",
                      ncols=len(dots), title="class", handletextpad=0.1)
