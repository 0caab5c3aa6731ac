"""How runs are trained, as opposed to what is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.spec.artefact import Resources


@dataclass(frozen=True)
class Sending:
    """How runs are sent to a cluster."""

    cache: Path  # on a file system that all nodes share
    name: str  # of the artefact
    needs: Resources  # of one run
    seconds: Mapping[str, float] = field(default_factory=dict)  # that a run is thought to take
    own: Mapping[str, str] = field(default_factory=dict)  # what the user asks of sbatch
    runs_per_job: int | None = None
    wait: bool = False


@dataclass(frozen=True)
class Options:
    """Nothing here changes a run's numbers on one machine."""

    data: Path  # the folder of packed data sets
    device: str = "auto"
    jobs: int = 1
    checkpoint_seconds: float = 120.0
    plain: bool = False  # step by step as written: no CUDA graph, no channels-last images
    runs_per_gpu: int = 1
    sending: Sending | None = None  # with --cluster slurm

    @property
    def how(self) -> Sending:
        """The same, for those who cannot do without."""
        assert self.sending is not None, "the slurm launcher was not told how to send runs"
        return self.sending
