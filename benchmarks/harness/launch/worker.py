"""A warm process of the pool, and the command's side of it."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing import connection, get_context, parent_process
import os
import signal
import sys
from threading import Thread

from benchmarks.harness.launch.execute import execute
from benchmarks.harness.launch.options import Options
from benchmarks.harness.launch.watch import POLL_SECONDS
from benchmarks.harness.store.task import Task
from benchmarks.harness.train import gpus
from benchmarks.harness.train.interrupts import stop_on_signals


def _die_with_parent() -> None:
    """Ends this worker at once when the command is gone, however it went."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(orders: connection.Connection, options: Options) -> None:
    """A warm worker: does one task after the other until told to stop."""
    def say(message: float | str) -> None:
        with suppress(BrokenPipeError):  # a command that is gone costs no run its outcome
            orders.send(message)

    with stop_on_signals() as stop, suppress(EOFError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's to handle
        Thread(target=_die_with_parent, daemon=True).start()
        while not stop.is_set():
            if not orders.poll(POLL_SECONDS):
                continue
            if (task := orders.recv()) is None:
                return
            try:
                state = execute(task, options, stop, say)
            except OSError as error:  # not even a claim could be written
                print(f"{task.folder.path}: {error}", file=sys.stderr)
                state = "failed"
            say(state)


class Worker:
    """The command's side of one warm process."""

    def __init__(self, options: Options, number: int) -> None:
        self.number = number
        options = replace(options, device=gpus.device(options.device, number))
        context = get_context("spawn")
        self.line, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, options), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None

    def messages(self) -> Iterator[float | str]:
        """What the worker has said; a dead worker says nothing more."""
        with suppress(EOFError, ConnectionResetError):
            while self.line.poll():
                yield self.line.recv()
