"""A figure as the bytes of a file, reproducible at any time and place."""

import io
import re
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from figures.defaults import DEFAULTS
from figures.style import RC

LOOKED_UP_LATE: dict[Any, Any] = DEFAULTS | {
    name: RC[name] for name in ("savefig.dpi", "pdf.fonttype")}
DATED = {"png": "Software", "pdf": "CreationDate", "svg": "Date"}  # in the metadata


def saved(figure: Figure, suffix: str) -> bytes:
    """The figure as a file of that kind: png, pdf or svg."""
    picture = io.BytesIO()
    with rc_context(LOOKED_UP_LATE):  # all else the figure has been given
        figure.savefig(picture, format=suffix, metadata={DATED[suffix]: None})
    return _renumbered(picture.getvalue()) if suffix == "svg" else picture.getvalue()


def _renumbered(svg: bytes) -> bytes:
    """Numbers ids in order of use: matplotlib's are hashes of the layout's last bits."""
    names: dict[bytes, bytes] = {}

    def number(found: re.Match[bytes]) -> bytes:
        return found[1] + names.setdefault(found[2], b"n%d" % len(names))

    return re.sub(rb'(\bid="|url\(#|href="#)([^")]+)', number, svg)
