"""`--cluster slurm` against a real SLURM: lost or requeued jobs never change a table."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys

from busy import HANG, await_that
from conftest import ROOT, Place, send
import pytest

from benchmarks.harness.launch.options import LEAST_MINUTES, minutes
from benchmarks.harness.store import checkpoints
from benchmarks.harness.store.run_folder import RunFolder

SMOKE = ("fig1-synthetic", "--scale", "smoke")
FEW = (*SMOKE, "--methods", "mmd:lam=2,moca:tau=0.5", "--seeds", "1")  # two runs


def custom(place):
    return place.cache / "smoke" / "custom" / "fig1-synthetic"


def runs(place):
    return [RunFolder(path) for path in sorted((place.cache / "runs").iterdir())]


def log_of(folder):
    path = folder.path / "log.txt"
    return path.read_text() if path.exists() else ""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("undisturbed"))
    assert place.bench(*FEW, "--cluster", "debug").returncode == 0
    return place.tables(custom(place))


def test_slurm_arrays_below_the_limit_give_the_tables_of_debug(fig1_sweep, site, cluster):
    """62 runs where an array may hold 16 tasks; submitted from another folder, without waiting."""
    with cluster.closed():
        output = send(site, *SMOKE, "--runs-per-job", "2")
        assert "16 tasks for 32 runs" in output
        assert "15 tasks for 30 runs" in output
        assert "62 queued" in output
        again = send(site, *SMOKE, "--runs-per-job", "2")
        assert "submitted" not in again
    cluster.await_empty()
    done = site.bench(*SMOKE, "--cluster", "slurm")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "62 done" in done.stdout
    assert site.tables() == fig1_sweep.tables()
    assert all(log_of(folder).count("from step 0") == 1 for folder in runs(site))


SLOW = '''
import os
from pathlib import Path
import select
import signal
import socket

from methods.base import Regularizer

IN_A_JOB = "SLURM_JOB_ID" in os.environ  # and not where the command tries it

HYPER = {}

class Slow(Regularizer):
    """After its first step waits while a file is there, unless a signal has come by then."""

    def __init__(self, context):
        super().__init__()
        self.begun = False
        self.woken, self.wakes = socket.socketpair()
        self.wakes.setblocking(False)
        if IN_A_JOB:
            signal.set_wakeup_fd(self.wakes.fileno())

    def penalty(self, step):
        while (IN_A_JOB and self.begun and Path(%r).exists()
               and not select.select([self.woken], [], [], 0.2)[0]):
            pass
        self.begun = True
        return step.z.square().mean() + step.z.mean()
'''


class Slowed:
    """A sweep with one run that can be paused, and its tables when undisturbed."""

    def __init__(self, folder):
        self.place = Place(folder)
        self.brake = folder / "brake"
        (folder / "slow.py").write_text(SLOW % str(self.brake))
        self.words = (*FEW, "--with", str(folder / "slow.py"), "--checkpoint-seconds", "0")
        assert self.place.bench(*self.words, "--cluster", "debug").returncode == 0
        self.tables = self.place.tables(custom(self.place))


@pytest.fixture(scope="module")
def slowed(tmp_path_factory):
    return Slowed(tmp_path_factory.mktemp("slowed"))


def hold_up(slowed, site, *words):
    """Submits the sweep, waits until its slow run has a checkpoint; returns that run's folder."""
    slowed.brake.touch()
    send(site, *slowed.words, *words)
    found = []

    def in_the_middle():
        found[:] = [folder for folder in runs(site) if folder.run().method == "slow"
                    and (folder.path / "checkpoint.pt").exists()]
        return bool(found)
    await_that(in_the_middle)
    return found[0]


@pytest.fixture
def slow_run(slowed, site):
    """Folder of the slow run, paused in the middle of the submitted sweep."""
    yield hold_up(slowed, site)
    slowed.brake.unlink(missing_ok=True)


@pytest.fixture
def last_run(slow_run, site, cluster):
    """The slow run's folder, with all other runs done."""
    others = [folder for folder in runs(site) if folder.key != slow_run.key]
    await_that(lambda: {folder.state() for folder in others} == {"done"})
    return slow_run


def collect(site, slowed):
    """Runs the same command again with --wait; its tables must be the undisturbed ones."""
    done = site.bench(*slowed.words, "--cluster", "slurm", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert site.tables(custom(site)) == slowed.tables
    return done.stdout


def job_of(folder):
    """SLURM's id of the job that has claimed the run."""
    claim = max(folder.path.glob("claim.*"))
    return json.loads(claim.read_text())["job"].split(".")[0]


def claims_of(folder):
    return [path.name for path in folder.path.glob("claim.*")]


def test_slurm_table_lists_missing_runs_until_complete(last_run, slowed, site, cluster):
    said = send(site, *slowed.words)
    assert "2 done, 1 running" in said
    assert "submitted" not in said
    shown = site.bench("status", *slowed.words).stdout
    assert f"{last_run.key}  slow, seed 0, job {job_of(last_run)} RUNNING" in shown
    with open(custom(site) / "runs.csv", newline="", encoding="utf-8") as file:
        statuses = {row["arm"]: row["status"] for row in csv.DictReader(file)}
    assert statuses.pop("slow") == "missing"
    assert set(statuses.values()) == {"done"}
    assert (custom(site) / "figure.png").exists()
    slowed.brake.unlink()
    cluster.await_empty()
    assert "submitted" not in collect(site, slowed)


def test_slurm_run_killed_by_sigkill_is_resumed(slow_run, slowed, site, cluster):
    claim = max(slow_run.path.glob("claim.*"))
    os.kill(json.loads(claim.read_text())["pid"], signal.SIGKILL)
    slowed.brake.unlink()
    cluster.await_empty()
    assert slow_run.state() == "lost"
    others = [folder for folder in runs(site) if folder.key != slow_run.key]
    assert {folder.state() for folder in others} == {"done"}
    output = collect(site, slowed)
    assert "1 tasks for 1 runs" in output
    assert "from step 0" not in log_of(slow_run).split("\n", 1)[1]


def test_slurm_job_cancelled_from_outside_is_lost_and_resubmitted(slow_run, slowed, site, cluster):
    cluster.say("scancel", job_of(slow_run))
    cluster.await_empty()
    slowed.brake.unlink()
    assert checkpoints.newest(slow_run.path)[0] is not None
    assert not list(slow_run.path.glob("claim.*"))
    assert "1 tasks for 1 runs" in collect(site, slowed)


def limit(cluster, job, left):
    """Sets a running job's time limit so that `left` minutes remain."""
    ran = minutes(cluster.say("squeue", "--noheader", f"--jobs={job}", "--format=%M").strip())
    cluster.say("scontrol", "update", f"JobId={job}", f"TimeLimit={ran + left}")


def test_slurm_job_past_its_time_limit_requeues_and_resumes(slowed, site, cluster):
    """SLURM signals before the time limit: a checkpoint is stored and the job is queued again."""
    folder = hold_up(slowed, site, "--slurm", f"time={LEAST_MINUTES - 1}",
                     "--slurm", "signal_delay_s=300")
    job = job_of(folder)
    with cluster.closed():  # the job must not start again before its limit is raised
        limit(cluster, job, 4)
        await_that(lambda: f"{job} PENDING" in cluster.queue())
        cluster.say("scontrol", "update", f"JobId={job}", f"TimeLimit={LEAST_MINUTES - 1}")
    await_that(lambda: log_of(folder).count("from step") >= 2)
    slowed.brake.unlink()
    cluster.await_empty()
    assert folder.state() == "done"
    assert log_of(folder).count("from step 0") == 1
    assert "submitted" not in collect(site, slowed)


@pytest.mark.slow
def test_slurm_job_killed_without_warning_resumes_from_its_checkpoint(
        slowed, site, cluster):
    """The time limit ends before the warning signal: SIGTERM, then SIGKILL."""
    folder = hold_up(slowed, site, "--slurm", "time=60", "--slurm", "signal_delay_s=0")
    limit(cluster, job_of(folder), 0)
    cluster.await_empty()
    slowed.brake.unlink()
    assert checkpoints.newest(folder.path)[0] is not None
    assert "1 tasks for 1 runs" in collect(site, slowed)
    assert log_of(folder).count("from step 0") == 1


@pytest.mark.parametrize("how", ["requeued from outside", "preempted"])
def test_slurm_requeued_job_resumes(how, slow_run, slowed, site, cluster):
    job, attempt = job_of(slow_run), claims_of(slow_run)
    if how == "preempted":
        cluster.say("scancel", "--signal=USR2", job)
    else:
        cluster.say("scontrol", "requeue", job)
    await_that(lambda: claims_of(slow_run) != attempt)
    slowed.brake.unlink()
    cluster.await_empty()
    assert slow_run.state() == "done"
    # scancel repeats a signal that finds the job on its way back to the queue
    assert log_of(slow_run).count("from step") >= 2
    assert log_of(slow_run).count("from step 0") == 1
    assert "submitted" not in collect(site, slowed)


def test_slurm_job_finishes_while_the_node_daemon_is_down(slow_run, slowed, site, cluster):
    cluster.stop("slurmd")
    slowed.brake.unlink()
    try:
        await_that(lambda: slow_run.state() == "done")
    finally:
        cluster.start("slurmd")
        cluster.await_up()
    cluster.await_empty()
    collect(site, slowed)
    assert log_of(slow_run).count("from step") == 1


def test_slurm_sweep_survives_a_controller_restart(slow_run, slowed, site, cluster):
    cluster.stop("slurmctld")
    try:
        told = site.bench(*slowed.words, "--cluster", "slurm")
        assert told.returncode != 0
        assert "submitted" not in told.stdout
        assert "Traceback" not in told.stdout + told.stderr
    finally:
        cluster.start("slurmctld")
        cluster.await_up()
    slowed.brake.unlink()
    cluster.await_empty()
    assert "submitted" not in collect(site, slowed)


BAD = '''
import math
from methods.base import Regularizer

HYPER = {"how": "raise"}

class Bad(Regularizer):
    def __init__(self, context, *, how):
        super().__init__()
        self.how = how

    def penalty(self, step):
        if self.how == "raise" and step.progress > 0.5:
            raise RuntimeError("the regularizer gave up")
        return step.z.square().mean() * (math.nan if self.how == "nan" else 1.0)
'''


def test_slurm_failing_and_diverging_runs_do_not_stop_the_others(site, cluster):
    (site.folder / "bad.py").write_text(BAD)
    words = (*SMOKE, "--seeds", "1", "--with", "bad.py",
             "--methods", "mmd:lam=2,bad:how=raise,bad:how=nan")
    by_debug = Place(site.folder / "debug")
    by_debug.folder.mkdir()
    (by_debug.folder / "bad.py").write_text(BAD)
    assert by_debug.bench(*words, "--cluster", "debug").returncode == 1
    done = site.bench(*words, "--cluster", "slurm", "--wait")
    assert done.returncode == 1
    assert "the regularizer gave up" in done.stdout
    assert site.tables(custom(site)) == by_debug.tables(custom(by_debug))
    assert "diverged" in done.stdout
    again = site.bench(*words, "--cluster", "slurm")
    assert "submitted" not in again.stdout
    assert "submitted" in send(site, *words, "--retry-failed")


@pytest.mark.slow
def test_slurm_job_that_loses_its_gpu_continues_in_another_process(site, cluster):
    """It is requeued, which takes half a minute, and does not repeat the run that failed."""
    send(site, *SMOKE, "--seeds", "2", "--methods", "sae", "--runs-per-job", "20",
         "--with", str(ROOT / "tests" / "faulty.py"))
    cluster.await_empty()
    for folder in runs(site):
        failed = folder.run().method == "faulty"
        assert folder.state() == ("failed" if failed else "done")
        assert log_of(folder).count("from step") == 1


def test_slurm_full_disk_fails_only_its_own_run(slowed, site, cluster):
    """The run's folder is a full file system of its own."""
    place = Place(site.folder / "declared")
    place.folder.mkdir()
    with cluster.closed():
        send(place, *slowed.words)
        place.bench("cancel", *slowed.words)
        cluster.await_empty()
    folder = next(folder for folder in runs(place) if folder.run().method == "slow")
    spec, method = ((folder.path / name).read_bytes() for name in ("spec.json", "method.py"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", folder.path], check=True)
    try:
        (folder.path / "spec.json").write_bytes(spec)
        (folder.path / "method.py").write_bytes(method)
        send(place, *slowed.words)
        cluster.await_empty()
        states = {folder.key: folder.state() for folder in runs(place)}
        assert states.pop(folder.key) in ("failed", "missing", "lost")
        assert set(states.values()) == {"done"}
    finally:
        subprocess.run(["umount", folder.path], check=True)
    done = place.bench(*slowed.words, "--cluster", "slurm", "--wait", "--retry-failed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.tables(custom(place)) == slowed.tables


def test_slurm_two_commands_at_once_train_each_run_once(slowed, site, cluster):
    rivals = [subprocess.Popen(site.command(*slowed.words, "--cluster", "slurm"), text=True,
                               stdout=subprocess.PIPE, cwd=site.folder) for _ in range(2)]
    outputs = [rival.communicate(timeout=HANG)[0] for rival in rivals]
    assert sum("submitted" in output for output in outputs) == 1, outputs
    cluster.await_empty()
    collect(site, slowed)
    assert all(log_of(folder).count("from step 0") == 1 for folder in runs(site))


def test_slurm_logs_are_shown_and_cancel_ends_the_jobs(slow_run, slowed, site, cluster):
    shown = site.bench("logs", slow_run.key[:6])
    assert "from step 0" in shown.stdout
    assert "Starting with JobEnvironment" in shown.stdout
    ended = site.bench("cancel", *slowed.words)
    assert ended.stdout.startswith("cancelled"), ended.stdout + ended.stderr
    cluster.await_empty()
    slowed.brake.unlink()
    assert "submitted" in collect(site, slowed)


def test_slurm_job_sees_only_its_own_gpus(slowed, site, cluster):
    """Four null devices on the node: two jobs of two GPUs run at once, each with its own."""
    slowed.brake.touch()
    send(site, *slowed.words, "--slurm", "gres=gpu:2",
         "--slurm", "setup=env | grep ^CUDA_VISIBLE_DEVICES > devices.$SLURM_ARRAY_TASK_ID")
    asked = cluster.say("squeue", "--noheader", "--array", "--Format=tres-per-node:40").split()
    slowed.brake.unlink()
    assert set(asked) == {"gres:gpu:2"}
    cluster.await_empty()
    seen = [path.read_text().strip() for path in site.folder.glob("devices.*")]
    assert len(seen) == 3
    assert set(seen) <= {"CUDA_VISIBLE_DEVICES=0,1", "CUDA_VISIBLE_DEVICES=2,3"}
    assert "submitted" not in collect(site, slowed)


BUSY = """#!/bin/sh
echo attempt >> "$(dirname "$0")/attempts"
if [ "$(wc -l < "$(dirname "$0")/attempts")" -lt 3 ]; then
    echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
    exit 1
fi
exec /usr/bin/sbatch "$@"
"""


def test_slurm_busy_is_retried_and_a_refusal_prints_one_line(
        slowed, site, cluster, monkeypatch):
    refused = site.bench(*slowed.words, "--cluster", "slurm", "--slurm", "partition=nowhere")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "invalid partition specified: nowhere" in refused.stderr
    busy = site.folder / "bin"
    busy.mkdir()
    (busy / "sbatch").write_text(BUSY)
    (busy / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{busy}:{os.environ['PATH']}")
    with cluster.closed():
        assert "3 tasks for 3 runs" in send(site, *slowed.words)
    assert len((busy / "attempts").read_text().splitlines()) == 3
    cluster.await_empty()
    assert "submitted" not in collect(site, slowed)


def test_slurm_jobs_refuse_code_edited_after_submission(undisturbed, site, cluster):
    """Jobs run the submitted code, not the code of the folder the command was typed in."""
    copy = site.folder / "copy"
    subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
    for name in ("benchmarks", "methods", "figures"):  # with uncommitted edits
        shutil.copytree(ROOT / name, copy / name, dirs_exist_ok=True)
    words = [sys.executable, str(copy / "bench.py"), *FEW, "--cluster", "slurm", *site.options]
    with cluster.closed():
        subprocess.run(words, cwd=site.folder, capture_output=True, check=False)
        source = copy / "methods" / "mmd.py"
        before = source.read_text()
        source.write_text(before + "\n# a second thought\n")
    cluster.await_empty()
    assert {folder.state() for folder in runs(site)} == {"failed"}
    assert all("the code changed" in folder.error() for folder in runs(site))
    source.write_text(before)
    done = subprocess.run([*words, "--wait", "--retry-failed"], cwd=site.folder,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert site.tables(custom(site)) == undisturbed
