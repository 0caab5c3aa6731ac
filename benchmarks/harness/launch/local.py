"""The `local` launcher: a pool of warm processes that survives the death of any of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from multiprocessing import connection, get_context, parent_process
import os
import signal
import sys
from threading import Thread

from benchmarks.harness.launch.execute import execute
from benchmarks.harness.launch.mps import shared_gpus
from benchmarks.harness.launch.options import Options
from benchmarks.harness.launch.progress import POLL_SECONDS, Progress, settled
from benchmarks.harness.store.task import Task
from benchmarks.harness.train import device
from benchmarks.harness.train.interrupts import stop_on_signals

SHUT_DOWN_SECONDS = 60.0
LOST = "GPU lost"  # message of a worker whose GPU is unusable, and which ends
LIVES = 2  # attempts at a run: when its worker dies, another worker gets it


def train_in_pool(tasks: list[Task], options: Options, progress: Progress) -> None:
    """Executes the tasks on `options.jobs` processes; returns when each is settled."""
    with shared_gpus(options.device, options.runs_per_gpu):
        Pool(tasks, options, progress).run()


class Pool:
    """Workers, the queue they share, and the runs that another command is training."""

    def __init__(self, tasks: list[Task], options: Options, progress: Progress) -> None:
        self.queue, self.waiting = deque(tasks), list[Task]()
        self.options, self.progress = options, progress
        self.workers: list[Worker] = []
        self.deaths: Counter[str] = Counter()

    def run(self) -> None:
        """Works the queue off; on Ctrl-C lets the workers checkpoint first."""
        try:
            while self.queue or self.waiting or any(worker.task for worker in self.workers):
                self.queue.extend(settled(self.waiting, self.progress))
                self._assign()
                connection.wait([end for worker in self.workers
                                 for end in (worker.line, worker.process.sentinel)], POLL_SECONDS)
                for worker in list(self.workers):
                    self._listen(worker)
        finally:
            self._shut_down()

    def _assign(self) -> None:
        for worker in self.workers:
            if self.queue and worker.task is None and not worker.ends:
                self._give(worker)
        while self.queue and len(self.workers) < self.options.jobs:
            taken = {worker.number for worker in self.workers}
            number = next(k for k in count() if k not in taken)  # a dead one's GPU is free
            self.workers.append(Worker(self.options, number))
            self._give(self.workers[-1])

    def _give(self, worker: Worker) -> None:
        task = self.queue.popleft()
        self.progress.started(task.folder)
        worker.task = task
        with suppress(BrokenPipeError):  # it died idle: `_listen` finds it dead with this run
            worker.line.send(task)

    def _listen(self, worker: Worker) -> None:
        alive = worker.process.is_alive()  # asked first: a dead one has said all that it will say
        for message in worker.messages():
            assert worker.task
            if isinstance(message, float):
                self.progress.moved(worker.task.folder, message)
                continue
            if message == LOST:
                worker.ends = True
                continue
            task, worker.task = worker.task, None
            if message == "elsewhere":
                self.waiting.append(task)
            elif message == "interrupted":  # somebody stopped this worker, not the sweep
                self.queue.append(task)
            else:
                self.progress.finished(task.folder, message)
        if not alive:
            self._bury(worker)

    def _bury(self, worker: Worker) -> None:
        self.workers.remove(worker)
        if (task := worker.task) is None:
            return
        folder = task.folder
        self.deaths[folder.key] += 1
        if self.deaths[folder.key] < LIVES:
            self.queue.append(task)
            return
        folder.fail(f"its worker died {LIVES} times, last with exit code {worker.process.exitcode}")
        self.progress.finished(folder, "failed")

    def _shut_down(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the workers' last checkpoints come first
        for worker in self.workers:
            with suppress(BrokenPipeError):
                worker.process.terminate() if worker.task else worker.line.send(None)
        for worker in self.workers:
            worker.process.join(SHUT_DOWN_SECONDS)
            worker.process.kill()  # should it hang: what it has stored is whole
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _die_with_parent() -> None:
    """Ends this worker when the command has ended for any reason."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(orders: connection.Connection, options: Options) -> None:
    """The loop of a warm worker: executes task after task until told to stop."""
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
            if lost := device.gpu_is_lost():
                say(LOST)  # before the state, after which it would be given another run
            say(state)
            if lost:
                os._exit(1)  # without destructors, which would call the GPU


class Worker:
    """The command's side of one warm process."""

    def __init__(self, options: Options, number: int) -> None:
        self.number = number
        options = replace(options, device=device.device_of_worker(options.device, number))
        context = get_context("spawn")
        self.line, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, options), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None
        self.ends = False  # it takes no other run

    def messages(self) -> Iterator[float | str]:
        """The worker's messages; a dead worker sends no more."""
        with suppress(EOFError, ConnectionResetError):
            while self.line.poll():
                yield self.line.recv()
