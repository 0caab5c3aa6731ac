"""What can be wrong about the options' values, and what those that were not given are."""

from argparse import Namespace
from pathlib import Path

from benchmarks.harness import gpus
from benchmarks.harness.claim import SCALES
from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.launch import LAUNCHERS, cores
from benchmarks.harness.resources import overrides
from benchmarks.harness.run import CHOICES

AT_LEAST_1 = ("seeds", "jobs", "runs_per_job", "runs_per_gpu")


def check_values(options: Namespace) -> None:
    """Raises UsageError for an option value that makes no sense; says how many --jobs there are."""
    precisions = (None, *CHOICES["precision"])
    for kind, value, known in (("scale", options.scale, SCALES),
                               ("cluster", options.cluster, LAUNCHERS),
                               ("precision", options.precision, precisions)):
        if value not in known:
            raise unknown(kind, value, filter(None, known))
    overrides(options.slurm)
    for name in AT_LEAST_1:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
    _check_cluster(options)
    if options.data_dir and not Path(options.data_dir).is_dir():
        raise UsageError(f"--data-dir: there is no folder {options.data_dir}")
    if not options.checkpoint_seconds >= 0:
        raise UsageError(f"--checkpoint-seconds cannot be {options.checkpoint_seconds:g}")
    if options.jobs is None:
        options.jobs = gpus.asked(options.device) * options.runs_per_gpu or cores()


def _check_cluster(options: Namespace) -> None:
    for name in ("slurm", "wait", "runs_per_job"):
        if getattr(options, name) and options.cluster != "slurm":
            raise UsageError(f"--{name.replace('_', '-')} goes with --cluster slurm")
    if options.runs_per_gpu > 1 and options.cluster != "local":
        raise UsageError("--runs-per-gpu goes with --cluster local")
