"""Requests to SLURM and parsing of its answers, without a cluster."""

import json
import os

import pytest

from benchmarks import ARTEFACTS
from benchmarks.fig1_synthetic import arms
from benchmarks.harness.errors import UsageError
from benchmarks.harness.launch.options import (
    MARGIN,
    START_MINUTES,
    Options,
    SlurmOptions,
    minutes,
    overrides,
    parameters,
)
from benchmarks.harness.slurm import launcher, queue, sbatch
from benchmarks.harness.slurm.jobs import Jobs
from benchmarks.harness.slurm.launcher import JOB_SECONDS, chunks, group_runs
from benchmarks.harness.slurm.queue import Queued, QueueError, Site
from benchmarks.harness.slurm.sbatch import JobPayload
from benchmarks.harness.slurm.submissions import Submission
from benchmarks.harness.spec.artefact import Resources
from benchmarks.harness.store import lease
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import Task

KNOWN = {"time", "mem", "partition", "gpus_per_node", "cpus_per_task", "setup"}  # of submitit


@pytest.mark.parametrize(("text", "expected"), [  # sbatch(1), --time
    ("90", 90), ("90:00", 90), ("90:01", 91), ("1:30:00", 90), ("1:30:30", 91), ("2-0", 2880),
    ("2-12", 3600), ("1-1:30", 1530), ("1-1:30:10", 1531)])
def test_slurm_times_are_read_as_sbatch_reads_them(text, expected):
    assert minutes(text) == expected


@pytest.mark.parametrize("text", ["", "1h", "1:2:3:4", "1-", "-1", "1.5", "four"])
def test_slurm_malformed_times_are_refused(text):
    with pytest.raises(UsageError, match="not a time"):
        minutes(text)


def test_slurm_options_are_read_in_every_spelling():
    words = ["partition=gpu", "--gpus-per-node=2", "setup=module load a; export X=1"]
    assert overrides(words) == {"partition": "gpu", "gpus_per_node": "2",
                                "setup": "module load a; export X=1"}


def test_slurm_flags_need_no_value():
    own = overrides(["exclusive", "--no-requeue", "spread-job=", "cpus-per-gpu=4"])
    found = parameters(Resources(), 1, None, own, {*KNOWN, "exclusive", "cpus_per_gpu"})
    assert found["exclusive"] is True
    assert found["additional_parameters"] == {"no-requeue": True, "spread-job": True}
    assert "cpus_per_task" not in found
    assert overrides(["exclusive=user"]) == {"exclusive": "user"}


@pytest.mark.parametrize("word", ["partition", "=gpu", "mem=", "array=0-3", "job-name=mine", "wait",
                                  "--test-only"])
def test_slurm_malformed_or_reserved_options_are_refused(word):
    with pytest.raises(UsageError, match="--slurm"):
        overrides([word])


def test_slurm_job_requests_the_declared_resources_or_the_users():
    needs = Resources(gpus=1, cpus=2, memory_gb=16, minutes=240)
    found = parameters(needs, 1, None, {}, KNOWN)
    assert found == {"time": 240 + START_MINUTES, "cpus_per_task": 2, "mem": "16GB",
                     "gpus_per_node": 1, "additional_parameters": {"requeue": True}}
    measured = parameters(needs, 3, 7200.0, {}, KNOWN)
    assert measured["time"] == MARGIN * 120 + START_MINUTES
    own = {"gres": "gpu:a100:1", "mem_per_cpu": "4G", "time": "1-0", "partition": "long",
           "account": "me", "setup": "module load cuda"}
    asked = parameters(needs, 1, None, own, KNOWN)
    assert "gpus_per_node" not in asked
    assert "mem" not in asked
    assert (asked["time"], asked["partition"]) == (1440, "long")
    assert asked["setup"] == ["module load cuda"]
    assert asked["additional_parameters"] == {
        "gres": "gpu:a100:1", "mem-per-cpu": "4G", "account": "me", "requeue": True}


@pytest.mark.parametrize("artefact", ARTEFACTS.values(), ids=ARTEFACTS)
def test_slurm_image_runs_at_paper_scale_request_a_gpu(artefact):
    images = any(arm.run.architecture in ("a1", "a2", "residual")
                 for arm in artefact.arms("paper"))
    assert bool(artefact.resources["paper"].gpus) == images
    assert not artefact.resources["smoke"].gpus


def test_slurm_jobs_group_runs_up_to_half_an_hour():
    assert group_runs("abcde", dict.fromkeys("abcde", JOB_SECONDS / 2), None) == [
        ("a", "b"), ("c", "d"), ("e",)]
    long = dict.fromkeys("abc", 2 * JOB_SECONDS)
    assert group_runs("abc", long, None) == [("a",), ("b",), ("c",)]
    assert group_runs("abc", {"b": 1.0}, None) == [("a",), ("b",), ("c",)]  # unknown duration
    assert group_runs("abc", {}, 2) == [("a", "b"), ("c",)]
    assert chunks(range(37), 16) == [tuple(range(16)), tuple(range(16, 32)), tuple(range(32, 37))]


def answering(monkeypatch, **answers):
    """SLURM's commands print these answers."""
    monkeypatch.setattr(queue, "ask", lambda *words: answers[words[0]])


def test_slurm_queue_is_read_between_lines_that_are_no_rows(monkeypatch):
    answering(monkeypatch, squeue="NOTE: maintenance on 1 December | see the wiki\n\n"
              "12_3|PENDING|Priority|ann|wae-1234|a|/x/.submission_file_1.sh\n"
              "JOBID|STATE|REASON|USER|NAME|COMMAND\n15|RUNNING|None|ann|other|(null)\n-- \n")
    assert queue.look_up() == {
        "12_3": Queued("12_3", "PENDING", "Priority", "ann", "wae-1234|a|/x/.submission_file_1.sh"),
        "15": Queued("15", "RUNNING", "None", "ann", "other|(null)")}


@pytest.mark.parametrize(("limits", "size"), [
    ("MaxArraySize            = 16\n", 16), ("", 1001), ("MaxArraySize            = 0\n", 1),
    ("MaxArraySize            = 1\n", 1),
    ("MaxArraySize = 1001\nSchedulerParameters = bf_interval=60,max_array_tasks=5,defer\n", 5),
    ("MaxArraySize = 4\nSchedulerParameters     = max_array_tasks=100\n", 4),
    ("MaxArraySize = 4\nSchedulerParameters     = max_array_tasks=0\n", 1)])
def test_slurm_array_limits_are_read_from_the_configuration(limits, size, monkeypatch):
    answering(monkeypatch, scontrol="Configuration data as of 2026-01-01T00:00:00\n" + limits)
    assert queue.site().array_size == size


def test_slurm_not_installed_prints_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(QueueError, match="there is no squeue here"):
        queue.look_up()
    (tmp_path / "squeue").mkdir()
    with pytest.raises(QueueError, match="squeue: Permission denied"):
        queue.look_up()


@pytest.fixture
def declared(tmp_path):
    """Two declared runs, and the options to submit them with."""
    store, found = Store(tmp_path / "cache" / "runs"), []
    for arm in arms("smoke")[:2]:
        folder = store.folder(arm.run.key)
        folder.write_spec(arm.run, None)
        found.append(Task(folder))
    sending = SlurmOptions(tmp_path / "cache", "fig1", Resources())
    return found, Options(tmp_path / "cache" / "data", slurm_options=sending)


def test_slurm_payload_refuses_code_edited_after_submission(declared):
    (first, second), options = declared
    first.folder.finish({"status": "diverged", "curves": {}}, {}, b"")
    JobPayload.of([first, second], options, "another fingerprint")()
    assert second.folder.state() == "failed"
    assert "the code changed" in second.folder.error()
    assert first.folder.state() == "diverged"


def test_slurm_full_queue_is_retried(declared, monkeypatch, capsys):
    tasks, options = declared
    answers = ["Socket timed out on send/recv operation", "Job violates accounting/QOS policy "
               "(job submit limit, user's size and/or time limits): QOSMaxSubmitJobPerUserLimit"]
    waits = []
    monkeypatch.setattr(sbatch.time, "sleep", waits.append)

    def refuse(jobs, options):
        raise sbatch.FailedJobError(f"sbatch: error: {answers[len(waits) % 2]}")

    monkeypatch.setattr(sbatch, "_attempt", refuse)
    monkeypatch.setattr(queue, "site", lambda: Site(1, False))
    launcher.submit(tasks, options)
    assert waits == [0.0, *sbatch.BACK_OFF]
    said = capsys.readouterr().out
    assert said.startswith("2 of 2 runs are not submitted yet (")
    assert "the same command submits them" in said


def test_slurm_permanent_refusal_is_not_retried(declared, monkeypatch):
    tasks, options = declared
    calls = []

    def refuse(jobs, options):
        calls.append(jobs)
        raise sbatch.FailedJobError("sbatch: error: invalid partition specified: nowhere")

    monkeypatch.setattr(sbatch, "_attempt", refuse)
    monkeypatch.setattr(queue, "site", lambda: Site(10, False))
    with pytest.raises(UsageError, match=r"sbatch refused: invalid partition specified: nowhere"):
        launcher.submit(tasks, options)
    assert len(calls) == 1


def test_slurm_jobs_inherit_no_limit_from_an_enclosing_job(monkeypatch):
    for name in ("SLURM_MEM_PER_NODE", "SRUN_DEBUG", "SUBMITIT_EXECUTOR", "SLURM_CONF"):
        monkeypatch.setenv(name, "there")
    before = dict(os.environ)
    with queue.clean_environment():
        assert "SLURM_CONF" in os.environ
        assert not {"SLURM_MEM_PER_NODE", "SRUN_DEBUG", "SUBMITIT_EXECUTOR"} & set(os.environ)
    assert dict(os.environ) == before


def submitted(tasks, options, name, rows, monkeypatch, **fields):
    """The jobs of one submitted array of that name, one job per run; `rows` are in the queue."""
    fields = {"user": queue.user(), "array": "7"} | fields
    submission = Submission(options.slurm.cache / "slurm" / name,
                            tuple((task.folder.key,) for task in tasks), 1.0, **fields)
    submission.write()
    found = {row.job: row for row in rows}
    monkeypatch.setattr(queue, "look_up", lambda others: found)
    return Jobs(options.slurm.cache)


def row(job, state="PENDING", names="", user=""):
    return Queued(job, state, "None", user, names)


def test_slurm_run_is_lost_once_its_job_has_left_the_queue(declared, monkeypatch):
    (first, second), options = declared
    jobs = submitted((first, second), options, "a", [row("7_0")], monkeypatch)
    assert (jobs.state(first), jobs.state(second)) == ("queued", "lost")

    def silent(others):
        raise QueueError("squeue did not answer within 30 s")
    monkeypatch.setattr(queue, "look_up", silent)
    jobs = Jobs(options.slurm.cache)
    assert jobs.state(second) == "queued"  # a run is not lost while squeue gives no answer
    assert "did not answer" in jobs.queue_error


def test_slurm_jobs_are_known_by_their_id_whatever_they_are_called(declared, monkeypatch):
    (first, second), options = declared
    rows = [row("7_0", names="mine|/tmp/x"), row("8_1", names="wae-b|/tmp/x")]
    jobs = submitted((first, second), options, "wae-b", rows, monkeypatch)
    assert (jobs.state(first), jobs.state(second)) == ("queued", "lost")


@pytest.mark.parametrize("names", [
    "wae-b|(null)", "renamed by the site|/cache/slurm/wae-b/.submission_file_1.sh"])
def test_slurm_jobs_without_an_id_on_record_are_known_by_name(names, declared, monkeypatch):
    """The submitting command was killed before it could note the id."""
    (first, second), options = declared
    rows = [row("8_1", names=names), row("9_0", names="wae-c|/cache/slurm/wae-c/file")]
    jobs = submitted((first, second), options, "wae-b", rows, monkeypatch, array=None)
    assert jobs.state(second) == "queued"
    jobs.tidy(first.folder.path.parent)
    monkeypatch.setattr(queue, "look_up", lambda others: {"8_1": row("8_1")})
    again = Jobs(options.slurm.cache)
    assert (again.state(first), again.state(second)) == ("lost", "queued")


def test_slurm_submission_in_the_queue_counts_before_later_ones(declared, monkeypatch):
    (task, _), options = declared
    submitted([task, task], options, "first", [], monkeypatch, array="3")
    jobs = submitted([task], options, "second", [row("3_1", "RUNNING")], monkeypatch)
    assert jobs.state(task) == "queued"
    assert jobs.places[task.folder.key].id == "3_1"


@pytest.mark.parametrize(("hides", "state"), [("", "lost"), ("PrivateData = jobs\n", "queued")])
def test_slurm_job_of_another_user_counts_as_queued_where_it_is_hidden(
        hides, state, declared, monkeypatch):
    """Two users of one cache: each sees the other's jobs, unless the site hides them."""
    (task, _), options = declared
    monkeypatch.setattr(queue, "site", lambda: queue.read_site(hides))
    asked = []
    jobs = submitted([task], options, "hers", [row("7", "RUNNING", user="ann")], monkeypatch,
                     user="ann")
    assert jobs.state(task) == "queued"
    monkeypatch.setattr(queue, "look_up", lambda others: asked.append(others) or {})
    assert Jobs(options.slurm.cache).state(task) == state
    assert asked == [{"ann"}]


def test_slurm_dead_node_is_noticed_within_two_heartbeats(declared, monkeypatch):
    """The claim remains, in the name of a host that cannot be asked."""
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 1e5)  # longer than the test takes
    (task, _), options = declared
    jobs = submitted([task], options, "a", [], monkeypatch)
    claim = task.folder.path / "claim.0"
    dead = lease.this_process()._replace(host="node7", job="7_0.0")
    claim.write_text(json.dumps(dead._asdict()))
    beats = lease.HEARTBEAT_SECONDS
    for age, state in ((0, "running"), (beats * 1.9, "running"), (beats * 2.1, "lost")):
        then = os.stat(task.folder.path).st_mtime - age
        os.utime(claim, (then, then))
        assert jobs.state(task) == state


def test_slurm_requeued_job_takes_over_its_own_claim_at_once(declared, monkeypatch):
    (task, _), _ = declared
    dead = lease.this_process()._replace(host="node7", job="7_0.0")
    (task.folder.path / "claim.0").write_text(json.dumps(dead._asdict()))
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    assert lease.acquire(task.folder.path) is None  # same start of the job, on another host
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert lease.acquire(task.folder.path) is None  # another task of the array
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    held = lease.acquire(task.folder.path)
    assert held is not None
    held.release()


def test_slurm_submissions_are_deleted_once_settled(declared, monkeypatch):
    (first, second), options = declared
    submitted([first], options, "settled", [], monkeypatch)
    jobs = submitted([second], options, "open", [], monkeypatch)
    first.folder.finish({"status": "diverged", "curves": {}}, {}, b"")
    jobs.tidy(first.folder.path.parent)
    assert [path.name for path in (options.slurm.cache / "slurm").iterdir()] == ["open"]
