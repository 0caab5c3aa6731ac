"""How runs are trained, as opposed to what is trained."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Nothing here changes a run's numbers on one machine."""

    data: Path  # the folder of packed data sets
    device: str = "auto"
    jobs: int = 1
    checkpoint_seconds: float = 120.0
