"""From runs that are missing to runs that are finished, by the launcher that was asked for."""

from collections.abc import Callable
import os

from benchmarks.harness.launch.inline import train_inline
from benchmarks.harness.launch.local import train_in_pool
from benchmarks.harness.launch.options import Options
from benchmarks.harness.launch.slurm import train_on_slurm
from benchmarks.harness.launch.watch import Watch
from benchmarks.harness.store.task import Task

Launcher = Callable[[list[Task], Options, Watch], None]

LAUNCHERS: dict[str, Launcher] = {
    "local": train_in_pool, "slurm": train_on_slurm, "debug": train_inline}


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
