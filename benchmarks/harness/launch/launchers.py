"""The launcher that trains in this process, and what runs are trained on."""

from argparse import Namespace
from collections import deque
from functools import partial
import time

from benchmarks.harness.errors import LostGpuError
from benchmarks.harness.launch.execute import execute
from benchmarks.harness.launch.options import Options, asks_for_gpu, overrides
from benchmarks.harness.launch.progress import POLL_SECONDS, Progress, settled
from benchmarks.harness.spec.artefact import Resources
from benchmarks.harness.store.processors import cores
from benchmarks.harness.store.task import Task
from benchmarks.harness.train.device import gpu_is_lost, gpus_asked
from benchmarks.harness.train.interrupts import stop_on_signals


def train_inline(tasks: list[Task], options: Options, progress: Progress) -> None:
    """Executes the tasks in order.

    Raises KeyboardInterrupt after a signal, LostGpuError after a fault on the GPU."""
    queue, waiting = deque(tasks), list[Task]()
    while queue or waiting:
        if not queue:
            time.sleep(POLL_SECONDS)
            queue.extend(settled(waiting, progress))
            continue
        task = queue.popleft()
        progress.started(task.folder)
        with stop_on_signals() as stop:
            state = execute(task, options, stop, partial(progress.moved, task.folder))
        if stop.is_set():
            raise KeyboardInterrupt
        if state == "elsewhere":
            waiting.append(task)
        else:
            progress.finished(task.folder, state)
        if gpu_is_lost():
            raise LostGpuError("a run has made the GPU unusable in this process; "
                               "the same command goes on with the other runs")


def device_for(needs: Resources, options: Namespace) -> str:
    """The device of runs with these needs: "auto" leaves GPUs to runs that are sized for one.

    In a cluster's job, to those that ask for one: the node may show it others' GPUs."""
    if options.device != "auto":
        return str(options.device)
    if options.cluster == "slurm":
        wanted = asks_for_gpu(needs, overrides(options.slurm))
    else:
        wanted = needs.gpus > 0 or needs.gains_by_gpu
    return "auto" if wanted else "cpu"


def kind_of_device(needs: Resources, options: Namespace) -> str:
    """The kind of that device, in torch's words: "cpu", "cuda" or another."""
    device = device_for(needs, options)
    if device == "auto":
        return "cuda" if options.cluster == "slurm" or gpus_asked(device) else "cpu"
    return device.partition(":")[0]


def processes(device: str, options: Namespace) -> int:
    """Processes of --cluster local: as asked; else --runs-per-gpu on each GPU, or one a core."""
    return options.jobs or gpus_asked(device) * options.runs_per_gpu or cores()
