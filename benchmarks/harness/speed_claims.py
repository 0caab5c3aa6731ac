"""Claim C31, which `speed` decides: where its verdicts lie, and what it says."""

from collections.abc import Iterator
from pathlib import Path

PLACE = "Section 3"
KINDS = ("time", "memory")


def claim_id(kind: str) -> str:
    """Of the part about time, or memory."""
    return f"C31[{kind}]"


def text(kind: str) -> str:
    """What that part says."""
    return (f"With more negatives than a batch holds, L_neg taken directly costs more {kind} than "
            "a momentum encoder and a queue.")


def folder(results: Path, cache: Path, scale: str) -> Path:
    """Of everything that `speed` writes, a folder a device; smoke results are not under `results`.

    What another scale than the paper's leaves out stands apart too.
    """
    top = cache / "smoke" if scale == "smoke" else results
    return top / ("mini" if scale == "mini" else "") / "speed"


def tables(place: Path) -> Iterator[tuple[str, Path]]:
    """Each device that it was measured on, with its claims.csv."""
    for path in sorted(place.glob("*/claims.csv")):
        yield path.parent.name, path
