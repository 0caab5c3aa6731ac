"""Claim C31, which `speed` decides: what it says, and where its verdicts lie."""

from pathlib import Path
from typing import NamedTuple

QUEUE, DIRECT = "MoCA: key encoder and queue of K", "L_neg: K images, gradient through all"


class SpeedClaim(NamedTuple):
    """A claim on what something costs; see `Claim`."""

    id: str
    text: str
    statistic: str
    place: str = "Section 3"
    basis: str = "paper"


CLAIMS = tuple(
    SpeedClaim(f"C31[{kind}]", "With more negatives than a batch holds, L_neg taken directly costs "
               f"more {kind} than a momentum encoder and a queue.", kind)
    for kind in ("time", "memory"))


def folder(results: Path, cache: Path, scale: str) -> Path:
    """Of everything that `speed` writes, a folder a model of processor or GPU.

    Smoke results are not under `results`; what another scale than the paper's leaves out stands
    apart too.
    """
    top = cache / "smoke" if scale == "smoke" else results
    return top / ("mini" if scale == "mini" else "") / "speed"
