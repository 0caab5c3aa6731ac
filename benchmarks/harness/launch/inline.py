"""The `debug` launcher: every run in this process, one after the other."""

from collections import deque
from functools import partial
import time

from benchmarks.harness.launch.execute import execute
from benchmarks.harness.launch.options import Options
from benchmarks.harness.launch.watch import POLL_SECONDS, Watch, settled
from benchmarks.harness.store.task import Task
from benchmarks.harness.train.interrupts import stop_on_signals


def train_inline(tasks: list[Task], options: Options, watch: Watch) -> None:
    """Does the tasks in order; KeyboardInterrupt once a signal has come."""
    queue, waiting = deque(tasks), list[Task]()
    while queue or waiting:
        if not queue:
            time.sleep(POLL_SECONDS)
            queue.extend(settled(waiting, watch))
            continue
        task = queue.popleft()
        watch.started(task.folder)
        with stop_on_signals() as stop:
            state = execute(task, options, stop, partial(watch.moved, task.folder))
        if stop.is_set():
            raise KeyboardInterrupt
        if state == "elsewhere":
            waiting.append(task)
        else:
            watch.finished(task.folder, state)
