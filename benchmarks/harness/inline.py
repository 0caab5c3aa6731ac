"""The `debug` launcher: every run in this process, one after the other."""

from collections import deque
from functools import partial
import time

from benchmarks.harness.job import Options, execute, stop_on_signals
from benchmarks.harness.store import RunFolder
from benchmarks.harness.watch import POLL_SECONDS, Watch, settled


def train_inline(folders: list[RunFolder], curve: str, options: Options, watch: Watch) -> None:
    """Trains the folders' runs in order; KeyboardInterrupt once a signal has come."""
    queue, waiting = deque(folders), list[RunFolder]()
    while queue or waiting:
        if not queue:
            time.sleep(POLL_SECONDS)
            queue.extend(settled(waiting, watch))
            continue
        folder = queue.popleft()
        watch.started(folder)
        with stop_on_signals() as stop:
            state = execute(folder, curve, options, stop, partial(watch.moved, folder))
        if stop.is_set():
            raise KeyboardInterrupt
        if state == "elsewhere":
            waiting.append(folder)
        else:
            watch.finished(folder, state)
