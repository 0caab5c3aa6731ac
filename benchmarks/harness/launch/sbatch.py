"""Submits one array of jobs to SLURM through submitit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import asdict, replace
import getpass
import io
import json
import os
from pathlib import Path
import re
import shlex
import signal
import time
import uuid

from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.helpers import DelayedSubmission

from benchmarks.harness.errors import UsageError
from benchmarks.harness.launch import slurm_queue
from benchmarks.harness.launch.execute import execute
from benchmarks.harness.launch.options import Options, parameters
from benchmarks.harness.launch.slurm_queue import Submission
from benchmarks.harness.spec.artefact import Curve, Measure
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.store import provenance
from benchmarks.harness.store.files import discard
from benchmarks.harness.store.run_folder import RunFolder
from benchmarks.harness.store.task import Task
from benchmarks.harness.train.device import gpu_is_lost, usable_device
from benchmarks.harness.train.interrupts import stop_on_signals

EDITED = "the code changed after submission; resubmit with --retry-failed"
REQUEUE = signal.SIGUSR2  # submitit's: time is nearly up, or the job is preempted


class JobPayload:
    """The runs of one job; called in the job."""

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def of(cls, tasks: list[Task], options: Options, fingerprint: str) -> JobPayload:
        """The payload for the tasks; `fingerprint`: of the code that submits them."""
        return cls(json.dumps({
            "tasks": [{"folder": str(task.folder.path),
                       **{name: [asdict(item) for item in getattr(task, name)]
                          for name in ("curves", "measures", "recorded")}} for task in tasks],
            "options": {"data": str(options.data), "device": options.device,
                        "checkpoint_seconds": options.checkpoint_seconds,
                        "plain": options.plain},
            "code": provenance.code(), "fingerprint": fingerprint}))

    def __call__(self) -> None:
        """Executes the tasks; on a signal, stores a checkpoint and requeues itself if possible.

        It also requeues itself if a run makes the GPU unusable, so that a new process executes the
        others; runs that failed before it was requeued are not repeated."""
        order = json.loads(self.text)
        tasks = [Task(RunFolder(Path(fields["folder"])),
                      tuple(Curve(**curve) for curve in fields["curves"]),
                      tuple(Measure(**measure) for measure in fields["measures"]),
                      tuple(Curve(**curve) for curve in fields["recorded"]))
                 for fields in order["tasks"]]
        if order["fingerprint"] != provenance.fingerprint():
            for task in tasks:
                if task.outcome() not in SETTLED:
                    task.folder.fail(EDITED)
            return
        provenance.adopt(order["code"])
        options = Options(**order["options"] | {"data": Path(order["options"]["data"])})
        if options.device == "auto":  # another one that cannot be used fails each run
            options = replace(options, device=usable_device(options.device))
        with stop_on_signals(signal.SIGTERM, signal.SIGINT, REQUEUE) as stop:
            for task in tasks:
                if not stop.is_set() and not task.folder.has_failed():
                    # progress is read off the runs' folders
                    state = execute(task, options, stop, lambda fraction: None)
                    print(f"{task.folder.key}: {state}", flush=True)
                    if task is not tasks[-1] and gpu_is_lost():
                        stop.signals.add(REQUEUE)
        if REQUEUE in stop.signals:
            signal.raise_signal(REQUEUE)  # to submitit's own handler, which is in force again
        if stop.is_set():
            raise SystemExit(1)

    def checkpoint(self) -> DelayedSubmission:
        """For submitit's requeue: the same payload, since the state is in the run folders."""
        return DelayedSubmission(self)


BACK_OFF = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before the next attempt
# messages of sbatch after which another attempt may succeed: busy controller, full quota
PASSING = re.compile(r"timed out|temporar|contact|connection|try again|maxsubmit|job ?limit"
                     r"|jobs? in queue|busy", re.IGNORECASE)
MAX_TIME_OUTS = 1000  # submitit's default of 3 would end a long training; it goes on where it was
SETUP = (
    f"export PYTHONPATH={shlex.quote(str(provenance.ROOT))}${{PYTHONPATH:+:$PYTHONPATH}}",
    # on a shared file system compile caches are slow, and jobs race for them
    'local="${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/wae-bench-$SLURM_JOB_ID"',
    "trap 'rm -rf \"$local\"' EXIT",
    'export TRITON_CACHE_DIR="$local/triton" TORCHINDUCTOR_CACHE_DIR="$local/inductor"')


class BusyError(Exception):
    """SLURM takes no more jobs for now; the message is SLURM's."""


@contextmanager
def clean_environment() -> Iterator[None]:
    """Removes variables of a surrounding job inside, whose limits do not apply to ours."""
    inherited = {name: os.environ.pop(name) for name in list(os.environ)
                 if name.startswith(("SLURM_", "SRUN_", "SUBMITIT_")) and name != "SLURM_CONF"}
    try:
        yield
    finally:
        os.environ.update(inherited)


def submit_array(jobs: list[list[Task]], options: Options) -> Submission:
    """Submits an array with one job per list of tasks; it is on record before it exists.

    Raises UsageError if SLURM refuses, BusyError if it takes no more jobs for now."""
    reason = ""
    for delay in (0.0, *BACK_OFF):
        time.sleep(delay)
        try:
            return _attempt(jobs, options)
        except (FailedJobError, FailedSubmissionError) as error:
            reason = " ".join(str(error).replace("sbatch: error: ", "").split())
        if not PASSING.search(reason):
            raise UsageError(f"sbatch refused: {reason}")
    raise BusyError(reason)


def _attempt(jobs: list[list[Task]], options: Options) -> Submission:
    slurm = options.slurm
    keys = tuple(tuple(task.folder.key for task in job) for job in jobs)
    folder = slurm.cache / "slurm" / f"{slurm.name}-{uuid.uuid4().hex[:8]}"
    submission = Submission(folder, keys, time.time())
    submission.write()
    orders = [JobPayload.of(job, options, provenance.fingerprint()) for job in jobs]
    try:
        with clean_environment(), redirect_stderr(io.StringIO()):  # submitit prints what it raises
            first, *_ = _executor(submission, options).submit_array(orders)
    except (FailedJobError, FailedSubmissionError):
        with suppress(slurm_queue.QueueError):  # a time-out may come after the jobs were made
            slurm_queue.cancel(f"--user={getpass.getuser()}", f"--name={submission.name}")
        discard(folder)
        raise
    submission = replace(submission, array=first.job_id.split("_")[0])
    submission.write()
    return submission


def _executor(submission: Submission, options: Options) -> SlurmExecutor:
    slurm = options.slurm
    # an array has one limit: that of its longest job
    expected = [[slurm.seconds[key] for key in job if key in slurm.seconds]
                for job in submission.keys]
    whole = all(len(job) == len(keys) for job, keys in zip(expected, submission.keys, strict=True))
    seconds = max(sum(job) for job in expected) if whole else None
    asked = parameters(slurm.needs, max(map(len, submission.keys)), seconds, dict(slurm.own),
                       SlurmExecutor._valid_parameters())
    executor = SlurmExecutor(submission.folder, max_num_timeout=MAX_TIME_OUTS)
    executor.update_parameters(**asked | {
        "job_name": submission.name, "stderr_to_stdout": True,
        "setup": [*SETUP, *asked.get("setup", ())],
        "srun_args": ["--export=ALL", f"--cpus-per-task={asked['cpus_per_task']}"]})
    return executor
