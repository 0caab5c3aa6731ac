"""What a SLURM job is sent with, and what it does with it.

Plain JSON to a class that the job imports from the suite's own folder: nothing of the code, and no
state of a run, is in what submitit pickles, so a job that is requeued finds both as they are then.
"""

from __future__ import annotations

from dataclasses import asdict
import json
from pathlib import Path
import signal
from typing import Any

from submitit.helpers import DelayedSubmission

from benchmarks.harness.launch.execute import execute
from benchmarks.harness.launch.options import Options
from benchmarks.harness.spec.artefact import Curve, Measure
from benchmarks.harness.store import provenance
from benchmarks.harness.store.run_folder import RunFolder
from benchmarks.harness.store.task import SETTLED, Task
from benchmarks.harness.train.interrupts import stop_on_signals

REQUEUE = signal.SIGUSR2  # submitit's: time is nearly up, or the job is preempted


class Order:
    """The runs of one job; called in the job."""

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def of(cls, tasks: list[Task], options: Options, fingerprint: str) -> Order:
        """The order for the tasks, by a suite of that fingerprint."""
        return cls(json.dumps({
            "tasks": [{"folder": str(task.folder.path),
                       **{name: [asdict(item) for item in getattr(task, name)]
                          for name in ("curves", "measures", "recorded")}} for task in tasks],
            "options": {"data": str(options.data), "device": options.device,
                        "checkpoint_seconds": options.checkpoint_seconds,
                        "plain": options.plain},
            "code": provenance.code(), "fingerprint": fingerprint}))

    def __call__(self) -> None:
        """Does what was ordered; on a signal, stores a checkpoint and, if it can, is requeued."""
        order = json.loads(self.text)
        tasks = [_task(fields) for fields in order["tasks"]]
        if order["fingerprint"] != provenance.fingerprint():
            _refuse(tasks)
            return
        provenance.adopt(order["code"])
        options = Options(**order["options"] | {"data": Path(order["options"]["data"])})
        with stop_on_signals(signal.SIGTERM, signal.SIGINT, REQUEUE) as stop:
            for task in tasks:
                if not stop.is_set():
                    print(f"{task.folder.key}: {execute(task, options, stop, _silent)}", flush=True)
        if REQUEUE in stop.signals:
            signal.raise_signal(REQUEUE)  # to submitit's own handler, which is in force again
        if stop.is_set():
            raise SystemExit(1)

    def checkpoint(self) -> DelayedSubmission:
        """What submitit sends the requeued job with: the same, for the state is in the folders."""
        return DelayedSubmission(self)


def _task(fields: dict[str, Any]) -> Task:
    return Task(RunFolder(Path(fields["folder"])),
                tuple(Curve(**curve) for curve in fields["curves"]),
                tuple(Measure(**measure) for measure in fields["measures"]),
                tuple(Curve(**curve) for curve in fields["recorded"]))


def _refuse(tasks: list[Task]) -> None:
    """Fails what is to do: other code than was submitted would train it."""
    for task in tasks:
        if task.outcome() not in SETTLED:
            task.folder.fail("the code was edited after this run was submitted; nothing is "
                             "trained by code that nobody asked for")


def _silent(fraction: float) -> None:
    """Nobody listens: who follows the sweep looks at the runs' folders."""
