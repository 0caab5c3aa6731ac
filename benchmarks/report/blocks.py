"""The page's blocks: results of an artefact at a scale, and those of `speed`."""

from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
import re
from typing import Any, NamedTuple
from urllib.parse import unquote

from PIL import Image

from benchmarks.harness.results.read import ArtefactResults, Row, read_provenance, read_table
from benchmarks.harness.spec.run import SETTLED
from benchmarks.report.table_view import Values, values

SMALL = 400_000  # bytes up to which the SVG is embedded instead of the PNG


class Picture(NamedTuple):
    """An image and its alt text."""

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
    # a small SVG without embedded pixels, which a browser would smooth
    drawn = (vector.exists() and vector.stat().st_size <= SMALL
             and b"<image" not in vector.read_bytes())
    source = _embedded(vector, "image/svg+xml") if drawn else _embedded(pixels, "image/png")
    return Picture(source, width // 2, height // 2, caption)  # drawn at two pixels a CSS pixel


def _embedded(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{b64encode(path.read_bytes()).decode()}"


@dataclass(frozen=True)
class Block:
    """The results of an artefact at a scale."""

    results: ArtefactResults

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Provenance of its runs."""
        return read_provenance(self.results.folder)

    @property
    def name(self) -> str:
        """Its anchor, unique on the page."""
        kind = "custom-" if self.results.selection.custom else ""
        return f"{self.results.selection.artefact.name}-{kind}{self.results.selection.scale}"

    @property
    def is_tuning(self) -> bool:
        """Whether it is a grid for choosing lambda, which is not part of the paper."""
        return self.results.selection.artefact.name.startswith("tune-")

    @property
    def datasets(self) -> list[str]:
        """Data sets of its runs."""
        rows = self.results.runs or []
        there = [row for row in rows if row["status"] in SETTLED]
        return list(dict.fromkeys(row["dataset"] for row in there or rows))

    @property
    def seeds(self) -> int:
        """The largest number of seeds of an arm."""
        done = {(row["arm"], row["seed"]) for row in self.results.runs or []
                if row["status"] == "done"}
        return max(Counter(arm for arm, _ in done).values(), default=0)

    @property
    def values(self) -> Values:
        """Its data.csv as a table to show."""
        return values(self.results.data, self.unmeasured)

    @property
    def figure(self) -> Picture | None:
        """The figure and its alt text."""
        selection = self.results.selection
        return figure(self.results.folder, f"{selection.artefact.caption}; {selection.scale} "
                      f"scale, {', '.join(self.datasets)}")

    @property
    def tiles(self) -> list[Picture]:
        """The image grids of single runs, one CSS pixel per pixel."""
        found = []
        for path in sorted((self.results.folder / "tiles").glob("[!.]*.png")):
            named = re.fullmatch(r"(.*)\.seed(\d+)\.(\w+)", path.stem)
            if not named:
                continue  # not one that was written here
            with Image.open(path) as image:
                width, height = image.size
            found.append(Picture(_embedded(path, "image/png"), width, height,
                                 f"{named[3]} of {unquote(named[1])}, seed {named[2]}"))
        return found

    @property
    def command(self) -> str:
        """The command that makes it again; options of picked arms are not on record."""
        selection = self.results.selection
        table = re.sub("^tune-", "tune ", selection.artefact.name)  # is made by `tune`
        scale = [] if selection.scale == "paper" else ["--scale", selection.scale]
        asked = len({row["seed"] for row in self.results.runs or []})
        seeds = ["--seeds", str(asked)] if asked > selection.seeds else []
        return " ".join(["python bench.py", table, *scale, *seeds, *["…"] * selection.custom])

    @property
    def unmeasured(self) -> str:
        """Why a score is missing in all rows, if one is."""
        return "; ".join(self.provenance.get("not_measured", {}).values())


@dataclass(frozen=True)
class Speed:
    """Results of `speed` on a device."""

    scale: str
    folder: Path
    claims: Sequence[Row]

    @property
    def rows(self) -> Sequence[Row]:
        """Rows of its data.csv."""
        return read_table(self.folder / "data.csv")

    @property
    def figure(self) -> Picture | None:
        """Its figure."""
        return figure(self.folder, f"Times and ratios measured by bench.py speed on "
                      f"{self.folder.name}, {self.scale} scale")

    @property
    def provenance(self) -> dict[str, Any]:
        """Provenance of the machine."""
        return read_provenance(self.folder)
