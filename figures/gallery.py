"""Image grids, each pixel drawn as a square of whole pixels (Figures 5, 6, 11 to 19)."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.image import imread
import numpy as np
from pandas import DataFrame, Series

from figures.style import RC, WARNING, frechet, setting

KINDS = ("reconstructions", "interpolations", "samples")  # the paper's order in Figures 5 and 6
ZOOM = 2  # pixels of the figure for one of an image
MARGIN, HEAD, TITLE = 16, 110, 44  # pixels around the pictures, above them all, above each


@rc_context({"figure.constrained_layout.use": False})
def draw(data: DataFrame, folder: Path) -> Figure:
    """One column per arm, one block per kind of image grid."""
    columns = [_pictures(row, folder) for _, row in data.iterrows()]
    wide = [max([picture.shape[1] * ZOOM for picture in column.values()], default=400)
            for column in columns]
    tall = [sum(picture.shape[0] * ZOOM + TITLE for picture in column.values())
            for column in columns]
    size = (max(600, sum(wide) + MARGIN * (len(wide) + 1)), max([*tall, 60]) + HEAD + MARGIN)
    dpi = int(RC["savefig.dpi"])
    figure = Figure(figsize=(size[0] / dpi, size[1] / dpi), dpi=dpi)
    left = MARGIN
    for (_, row), column, width in zip(data.iterrows(), columns, wide, strict=True):
        there, top = isinstance(row["exhibit"], str), HEAD
        text = [row["arm"], ", ".join(frechet(row)) if there else "not run: no picture to show"]
        figure.text(left / size[0], 1 - 48 / size[1], "\n".join(text), va="top", fontsize=6,
                    color="black" if there else WARNING)
        for kind, picture in column.items():
            top = _placed(figure, kind, picture, (left, top), size)
        left += width + MARGIN
    epoch = f", epoch {data['epoch'].iloc[0]}" if "epoch" in data else ""
    figure.text(MARGIN / size[0], 1 - 14 / size[1], f"{setting(data)}, seed "
                f"{data['drawn_seed'].iloc[0]}{epoch}", va="top", fontsize=7)
    return figure


def _pictures(row: Series, folder: Path) -> dict[str, np.ndarray]:
    """The image grids of the arm's drawn run, by kind."""
    if not isinstance(row["exhibit"], str):
        return {}
    paths = {kind: folder / "tiles" / f"{row['exhibit']}.{kind}.png" for kind in KINDS}
    return {kind: imread(path) for kind, path in paths.items() if path.exists()}


def _placed(figure: Figure, kind: str, picture: np.ndarray, corner: tuple[int, int],
            size: tuple[int, int]) -> int:
    """Places a titled image at (left, top), in pixels; returns its lower edge."""
    left, top = corner
    figure.text(left / size[0], 1 - (top + 6) / size[1], kind, va="top", fontsize=6)
    wide, tall = (n * ZOOM for n in picture.shape[1::-1])
    bottom = size[1] - top - TITLE - tall
    ax = figure.add_axes((left / size[0], bottom / size[1], wide / size[0], tall / size[1]))
    ax.imshow(picture, aspect="auto")
    ax.set_axis_off()
    return int(top + TITLE + tall)
