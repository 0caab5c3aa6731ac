"""Executes one run in one process: lease, training, measures; no error leaves it."""

from collections.abc import Callable
from contextlib import redirect_stdout, suppress
import traceback
from typing import TextIO

from benchmarks.harness.launch.options import Options
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.store import lease, provenance
from benchmarks.harness.store.files import remove_leftovers
from benchmarks.harness.store.task import Task
from benchmarks.harness.train.device import free_gpu
from benchmarks.harness.train.interrupts import InterruptedRun, StopRequest

Report = Callable[[float], None]


def execute(task: Task, options: Options, stop: StopRequest, report: Report) -> str:
    """Trains and measures the task's run unless that is done or another process has it.

    Returns "done", "diverged", "failed", "interrupted" or "elsewhere". An exception ends up in the
    run's log and error.json: it costs this run, never its siblings, if the process executes no
    other after a fault on the GPU: see `gpu_is_lost`."""
    folder = task.folder
    held = lease.acquire(folder.path)
    if held is None:
        return "elsewhere"
    try:
        if (state := task.outcome()) in SETTLED:
            return state
        for place in (folder.path, folder.path / "measures"):
            remove_leftovers(place)
        with open(folder.path / "log.txt", "a", buffering=1, encoding="utf-8",
                  errors="backslashreplace") as log:
            try:
                with redirect_stdout(log):
                    return _perform(task, held, options, stop, report, log)
            except InterruptedRun:
                return "interrupted"
            except lease.LeaseLostError:
                return "elsewhere"
            except (Exception, SystemExit) as error:  # noqa: BLE001 the job boundary
                if not held.is_current:
                    return "elsewhere"
                with suppress(OSError):  # a full disk must not hide the failure behind another
                    log.write(traceback.format_exc())
                    folder.fail(f"{type(error).__name__}: {error}".splitlines()[0])
                return "failed"
    finally:
        held.release()
        free_gpu()  # the error, whose traceback refers to the run, is gone by now


def _perform(
    task: Task, held: lease.Lease, options: Options, stop: StopRequest, report: Report, log: TextIO
) -> str:
    provenance.code()  # noted before the code it describes is imported
    from benchmarks.harness.launch import train_and_measure  # torch, only where a run is trained
    folder = task.folder
    state = task.outcome()
    if lost := state == "lacks-weights" or (
            state == "unmeasured" and not folder.weights_are_whole()):
        log.write("the trained weights are missing or damaged: training again\n")
    if lost or not task.is_trained():
        train_and_measure.train_run(task, held, options, stop.is_set, report, log)
    if task.folder.state() == "done":
        for measure in task.lacking():
            with stop.at_once():
                train_and_measure.measure_run(task.folder, held, measure, options, log)
    task.folder.clear_error()
    return task.outcome()
