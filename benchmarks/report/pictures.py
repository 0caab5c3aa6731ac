"""The figure and the grids of a results folder, as they stand inside the page."""

from base64 import b64encode
from pathlib import Path
import re
from typing import NamedTuple
from urllib.parse import unquote

from PIL import Image

SMALL = 400_000  # bytes up to which a vector graphic stands in the place of its pixels


class Picture(NamedTuple):
    """An image, and what is said where it cannot be seen."""

    source: str  # a data: URI
    width: int  # CSS pixels
    height: int
    caption: str


def figure(folder: Path, caption: str) -> Picture | None:
    """The folder's figure; None where there is none."""
    vector, pixels = folder / "figure.svg", folder / "figure.png"
    if not pixels.exists():
        return None
    with Image.open(pixels) as image:
        width, height = image.size
    drawn = _is_drawn(vector)
    source = _embedded(vector, "image/svg+xml") if drawn else _embedded(pixels, "image/png")
    return Picture(source, width // 2, height // 2, caption)  # drawn at two pixels a CSS pixel


def _is_drawn(vector: Path) -> bool:
    """Whether it is small, and has no pixels in it that would be smoothed."""
    if not vector.exists() or vector.stat().st_size > SMALL:
        return False
    return b"<image" not in vector.read_bytes()


def tiles(folder: Path) -> list[Picture]:
    """The grids of images of single runs, one pixel of theirs a CSS pixel."""
    found = []
    for path in sorted((folder / "tiles").glob("[!.]*.png")):
        named = re.fullmatch(r"(.*)\.seed(\d+)\.(\w+)", path.stem)
        if not named:
            continue  # not one that was written here
        with Image.open(path) as image:
            width, height = image.size
        found.append(Picture(_embedded(path, "image/png"), width, height,
                             f"{named[3]} of {unquote(named[1])}, seed {named[2]}"))
    return found


def _embedded(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{b64encode(path.read_bytes()).decode()}"
