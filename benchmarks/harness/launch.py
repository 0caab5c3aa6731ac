"""From runs that are missing to runs that are finished, by the launcher that was asked for."""

from collections.abc import Callable
import os

from benchmarks.harness.inline import train_inline
from benchmarks.harness.options import Options
from benchmarks.harness.pool import train_in_pool
from benchmarks.harness.slurm import train_on_slurm
from benchmarks.harness.task import Task
from benchmarks.harness.watch import Watch

Launcher = Callable[[list[Task], Options, Watch], None]

LAUNCHERS: dict[str, Launcher] = {
    "local": train_in_pool, "slurm": train_on_slurm, "debug": train_inline}


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
