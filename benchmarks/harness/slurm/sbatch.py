"""Submits an array of jobs, or one job, to SLURM through submitit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import asdict, replace
import io
import json
from pathlib import Path
import re
import shlex
import signal
from tempfile import TemporaryDirectory
import time
import uuid

from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError, JobPaths
from submitit.helpers import DelayedSubmission

from benchmarks.harness.launch.execute import execute
from benchmarks.harness.launch.options import Options, parameters
from benchmarks.harness.slurm import queue
from benchmarks.harness.slurm.nodes import BLIND, EPITAPH, STOPPED
from benchmarks.harness.slurm.submissions import VISIBLE_SECONDS, Submission
from benchmarks.harness.spec.artefact import Curve, Measure
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.store import provenance
from benchmarks.harness.store.files import discard
from benchmarks.harness.store.lease import job
from benchmarks.harness.store.run_folder import RunFolder
from benchmarks.harness.store.task import Task
from benchmarks.harness.train.device import gpu_is_lost, usable_device
from benchmarks.harness.train.interrupts import StopRequest, stop_on_signals

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
            _execute_all(tasks, options, stop)
        if signal.SIGTERM in stop.signals and _is_preempted():
            stop.signals.add(REQUEUE)
        if REQUEUE in stop.signals:
            signal.raise_signal(REQUEUE)  # to submitit's own handler, which is in force again
        if stop.is_set():
            raise SystemExit(STOPPED)

    def checkpoint(self) -> DelayedSubmission:
        """For submitit's requeue: the same payload, since the state is in the run folders."""
        return DelayedSubmission(self)


def _execute_all(tasks: list[Task], options: Options, stop: StopRequest) -> None:
    """Executes the runs, one after the other, until the job is asked to stop."""
    for task in tasks:
        if not stop.is_set() and not task.folder.has_failed():
            # progress is read off the runs' folders
            state = execute(task, options, stop, lambda fraction: None)
            print(f"{task.folder.key}: {state}", flush=True)
            if task is not tasks[-1] and gpu_is_lost():
                stop.signals.add(REQUEUE)


def _is_preempted() -> bool:
    """Whether SIGTERM began the grace time before a preemption: the job is to queue itself again.

    SLURM then still calls the job running; one that is cancelled or out of time is completing."""
    for delay in (0.0, 1.0, 2.0, 4.0):
        time.sleep(delay)
        with suppress(queue.QueueError):
            return queue.state_of(job() or "") == "RUNNING"
    return False


BACK_OFF = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before the next attempt
# messages of sbatch after which another attempt may succeed: busy controller, full quota
PASSING = re.compile(r"timed out|temporar|contact|connection|try again|maxsubmit|job ?limit"
                     r"|jobs? in queue|busy", re.IGNORECASE)
MAX_TIME_OUTS = 1000  # submitit's default of 3 would end a long training; it goes on where it was
SETUP = (  # in front of it, `folder` is set to the submission's
    # not SLURM_JOB_ID: that of an array's last task stands for the whole array
    'job="${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}"',
    f'for _ in $(seq {VISIBLE_SECONDS:.0f}); do',
    '  [ -e "$folder/submission.json" ] && break; sleep 1',
    "done",
    'if ! [ -e "$folder/submission.json" ]; then',  # it keeps its place, and says why
    f'  scontrol update "JobId=$job" "Comment=$SLURMD_NODENAME {BLIND}"',
    '  scontrol requeuehold "$job"; sleep 300; exit 1',
    "fi",
    'exec >>"$folder/${job}_0_log.out" 2>&1',
    f"export PYTHONPATH={shlex.quote(str(provenance.ROOT))}${{PYTHONPATH:+:$PYTHONPATH}}",
    # on a shared file system compile caches are slow, and jobs race for them
    'local="${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/wae-bench-$SLURM_JOB_ID"',
    f"trap 'echo \"{EPITAPH}\"; rm -rf \"$local\"' EXIT",
    'export TRITON_CACHE_DIR="$local/triton" TORCHINDUCTOR_CACHE_DIR="$local/inductor"')
# submitit reads percent signs of its folder's path as patterns: there it gets the path of a link
LINK = ('mkdir -p "$local"', 'ln -sfn "$folder" "$local/jobs"')


class BusyError(Exception):
    """SLURM takes no more jobs for now; the message is SLURM's."""


def submit_array(jobs: list[list[Task]], options: Options) -> Submission:
    """Submits an array with one job per list of tasks; it is on record before it exists.

    Raises RefusedError if SLURM refuses, BusyError if it takes no more jobs for now."""
    reason = ""
    for delay in (0.0, *BACK_OFF):
        time.sleep(delay)
        try:
            return _attempt(jobs, options)
        except (FailedJobError, FailedSubmissionError) as error:
            reason = " ".join(str(error).replace("sbatch: error: ", "").split())
        if not PASSING.search(reason):
            raise queue.RefusedError(f"sbatch refused: {reason}")
    raise BusyError(reason)


def _attempt(jobs: list[list[Task]], options: Options) -> Submission:
    slurm = options.slurm
    keys = tuple(tuple(task.folder.key for task in runs) for runs in jobs)
    folder = slurm.cache / "slurm" / f"{slurm.name}-{uuid.uuid4().hex[:8]}"
    submission = Submission(folder, keys, time.time(), queue.user())
    orders = [JobPayload.of(runs, options, provenance.fingerprint()) for runs in jobs]
    with stop_on_signals() as stop:  # sbatch is to tell the id of what it makes
        submission.write()
        try:
            # submitit prints what it raises
            with (queue.clean_environment(), redirect_stderr(io.StringIO()),
                  _without_percent(folder) as path):
                array = _executor(path, submission, options).submit_together(orders)
        except (FailedJobError, FailedSubmissionError):
            _withdraw(submission)
            raise
        submission = replace(submission, array=array)
        submission.write()
        if stop.is_set():
            _withdraw(submission)
            raise KeyboardInterrupt
    return submission


def _withdraw(submission: Submission) -> None:
    """Cancels what sbatch has made, also where it reports a failure; then removes the record."""
    try:
        found = [row.job for row in queue.look_up().values() if submission.name in row.names]
        ids = [submission.array] if submission.array else found
        queue.cancel(*(ids or [f"--name={submission.name}"]))
    except queue.QueueError:
        return  # it stays on record, by which its jobs are known later
    discard(submission.folder)


@contextmanager
def _without_percent(folder: Path) -> Iterator[Path]:
    """The folder, by a path without percent signs."""
    if "%" not in str(folder):
        yield folder
        return
    with TemporaryDirectory() as place:
        link = Path(place, folder.name)
        link.symlink_to(folder)
        yield link


class Executor(SlurmExecutor):
    """Submitit's, for one submission; it relies on the whole line in which sbatch tells the id."""

    def submit_together(self, orders: list[JobPayload]) -> str:
        """Submits one job, or an array of several; returns SLURM's id.

        Raises FailedJobError if sbatch fails, FailedSubmissionError if it tells no id."""
        if len(orders) > 1:
            self.parameters["map_count"] = len(orders)
        pickles = []
        for order in orders:
            delayed = DelayedSubmission(order)
            delayed.set_timeout(self.parameters["time"], self.max_num_timeout)
            pickles.append(self.folder / f"{uuid.uuid4().hex}.pkl")
            delayed.dump(pickles[-1])
        array = self._submit_command(self._submitit_command_str).job_id
        for number, pickle in enumerate(pickles):
            job = f"{array}_{number}" if len(orders) > 1 else array
            pickle.rename(JobPaths(self.folder, job).submitted_pickle)
        return array

    def _make_submission_command(self, submission_file_path: Path) -> list[str]:
        # a session of its own, which Ctrl-C on this terminal does not reach
        return ["setsid", "--wait", "sbatch", str(submission_file_path)]

    @property
    def _submitit_command_str(self) -> str:
        seen = '"$local/jobs"' if LINK[0] in self.parameters["setup"] else '"$folder"'
        return f"{self.python} -u -m submitit.core._submit {seen}"

    @staticmethod
    def _get_job_id_from_submission_command(string: bytes | str) -> str:
        text = string if isinstance(string, str) else string.decode(errors="replace")
        if found := re.search(r"^Submitted batch job (\d+)", text, re.M):
            return found[1]
        raise FailedSubmissionError(f"sbatch tells no job id: {text}")


def _executor(path: Path, submission: Submission, options: Options) -> Executor:
    slurm = options.slurm
    # an array has one limit: that of its longest job
    expected = [[slurm.seconds[key] for key in job if key in slurm.seconds]
                for job in submission.keys]
    whole = all(len(job) == len(keys) for job, keys in zip(expected, submission.keys, strict=True))
    seconds = max(sum(job) for job in expected) if whole else None
    asked = parameters(slurm.needs, max(map(len, submission.keys)), seconds, dict(slurm.own),
                       SlurmExecutor._valid_parameters())
    cores = [f"--cpus-per-task={asked['cpus_per_task']}"] if "cpus_per_task" in asked else []
    executor = Executor(path, max_num_timeout=MAX_TIME_OUTS)
    executor.update_parameters(**asked | {
        "job_name": submission.name, "stderr_to_stdout": True,
        "setup": [f"folder={shlex.quote(str(submission.folder))}", *SETUP,
                  *(LINK if path != submission.folder else ()), *asked.get("setup", ())],
        "additional_parameters": asked["additional_parameters"] | {"output": "/dev/null"},
        "srun_args": ["--export=ALL", "--output=all", *cores]})
    return executor
