"""The launcher that trains in this process, and the processors there are."""

from collections import deque
from functools import partial
import os
import time

from benchmarks.harness.launch.execute import execute
from benchmarks.harness.launch.options import Options
from benchmarks.harness.launch.progress import POLL_SECONDS, Progress, settled
from benchmarks.harness.store.task import Task
from benchmarks.harness.train.interrupts import stop_on_signals


def train_inline(tasks: list[Task], options: Options, progress: Progress) -> None:
    """Executes the tasks in order; raises KeyboardInterrupt after a signal."""
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


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
