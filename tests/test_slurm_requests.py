"""Requests to SLURM and parsing of its answers, without a cluster."""

import json
import os
import time

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
from benchmarks.harness.slurm.jobs import VISIBLE_SECONDS, Jobs
from benchmarks.harness.slurm.launcher import JOB_SECONDS, chunks, group_runs
from benchmarks.harness.slurm.queue import Queued, QueueError
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
    at = "2026-01-01T00:00:00"
    answering(monkeypatch, squeue="NOTE: maintenance on 1 December | see the wiki\n\n"
              "12_3|PENDING|Priority|ann|N/A|wae-1234|a|/x/.submission_file_1.sh\n"
              f"JOBID|STATE|REASON|USER|END|NAME|COMMAND\n15|TIMEOUT|None|ann|{at}|other|\n-- \n")
    found = queue.look_up()
    assert found == {
        "12_3": Queued("12_3", "PENDING", "Priority", "ann", "N/A",
                       "wae-1234|a|/x/.submission_file_1.sh"),
        "15": Queued("15", "TIMEOUT", "None", "ann", at, "other|")}
    assert [row.is_over for row in found.values()] == [False, True]


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
    monkeypatch.setattr(queue, "site", lambda: queue.read_site("MaxArraySize = 1"))
    launcher.submit(tasks, options, Jobs(options.slurm.cache))
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
    monkeypatch.setattr(queue, "site", lambda: queue.read_site("MaxArraySize = 10"))
    with pytest.raises(UsageError, match=r"sbatch refused: invalid partition specified: nowhere"):
        launcher.submit(tasks, options, Jobs(options.slurm.cache))
    assert len(calls) == 1


def test_slurm_jobs_inherit_no_limit_from_an_enclosing_job(monkeypatch):
    for name in ("SLURM_MEM_PER_NODE", "SRUN_DEBUG", "SUBMITIT_EXECUTOR", "SLURM_CONF"):
        monkeypatch.setenv(name, "there")
    before = dict(os.environ)
    with queue.clean_environment():
        assert "SLURM_CONF" in os.environ
        assert not {"SLURM_MEM_PER_NODE", "SRUN_DEBUG", "SUBMITIT_EXECUTOR"} & set(os.environ)
    assert dict(os.environ) == before


NOW = "Configuration data as of 2026-01-01T12:00:00\n"
REMEMBERS, FORGETS = NOW + "MinJobAge = 300 sec\n", NOW + "MinJobAge = 2 sec\n"


@pytest.fixture
def site(monkeypatch):
    """A site that remembers jobs that are over, and hides no other user's."""
    monkeypatch.setattr(queue, "site", lambda: queue.read_site(REMEMBERS))


def submitted(tasks, options, name, rows, monkeypatch, age=1000, **fields):
    """The jobs of one array of that name, one job per run, submitted `age` seconds ago.

    `rows` are in the queue."""
    fields = {"user": queue.user(), "array": "7"} | fields
    submission = Submission(options.slurm.cache / "slurm" / name,
                            tuple((task.folder.key,) for task in tasks), 1.0, **fields)
    submission.write()
    shift(submission.folder / "submission.json", age)
    found = {row.job: row for row in rows}
    monkeypatch.setattr(queue, "look_up", lambda others: found)
    return Jobs(options.slurm.cache)


def shift(path, age):
    """Sets the time at which a file was last written, in seconds before now."""
    then = time.time() - age
    os.utime(path, (then, then))


def row(job, state="PENDING", names="", ended="N/A"):
    return Queued(job, state, "None", "", ended, names)


def test_slurm_run_is_lost_once_its_job_has_left_the_queue(declared, site, monkeypatch):
    (first, second), options = declared
    jobs = submitted((first, second), options, "a", [row("7_0")], monkeypatch)
    assert (jobs.state(first), jobs.state(second)) == ("queued", "lost")

    def silent(others):
        raise QueueError("squeue did not answer within 30 s")
    monkeypatch.setattr(queue, "look_up", silent)
    jobs = Jobs(options.slurm.cache)
    assert jobs.state(second) == "queued"  # a run is not lost while squeue gives no answer
    assert "did not answer" in jobs.queue_error


def test_slurm_run_is_not_lost_while_other_hosts_results_may_be_unseen(
        declared, site, monkeypatch):
    """Right after a job was sent, or is over, another host's files may not be seen here."""
    (task, _), options = declared
    for age, state in ((0, "queued"), (VISIBLE_SECONDS - 5, "queued"),
                       (VISIBLE_SECONDS + 5, "lost")):
        assert submitted([task], options, "a", [], monkeypatch, age).state(task) == state
    for ended, state in (("11:59:58", "queued"), ("11:59:05", "queued"), ("11:58:55", "lost")):
        over = row("7", "FAILED", ended=f"2026-01-01T{ended}")
        assert submitted([task], options, "a", [over], monkeypatch).state(task) == state


@pytest.mark.parametrize("trace", ["log.txt", "claim.0", "7_0_log.out"])
def test_slurm_run_is_not_lost_soon_after_its_job_has_written(trace, declared, monkeypatch):
    """The site forgets jobs that are over: it cannot say when they left."""
    (task, _), options = declared
    monkeypatch.setattr(queue, "site", lambda: queue.read_site(FORGETS))
    jobs = submitted([task], options, "a", [], monkeypatch)
    folder = options.slurm.cache / "slurm" / "a" if "out" in trace else task.folder.path
    (folder / trace).touch()
    for path in task.folder.path, folder / trace:
        shift(path, VISIBLE_SECONDS + 5)
    assert jobs.state(task) == "lost"
    shift(folder / trace, VISIBLE_SECONDS - 5)
    assert jobs.state(task) == "queued"


def test_slurm_command_that_follows_takes_no_single_answer_for_a_loss(declared, site, monkeypatch):
    """An empty answer may be wrong, or old."""
    (task, _), options = declared
    submitted([task], options, "a", [], monkeypatch)
    absences = {}
    assert Jobs(options.slurm.cache, absences).state(task) == "queued"
    (job,) = absences
    absences[job] -= VISIBLE_SECONDS
    assert Jobs(options.slurm.cache, absences).state(task) == "lost"


@pytest.mark.parametrize("written", [-5, 600, -600], ids=["now", "ahead", "behind"])
def test_slurm_claim_is_lost_with_its_job_whatever_the_clocks_say(
        written, declared, site, monkeypatch):
    (task, _), options = declared
    jobs = submitted([task], options, "a", [row("7", "RUNNING")], monkeypatch)
    owner = lease.this_process()._replace(host="node7", job="7.0")
    claim = task.folder.path / "claim.4"
    claim.write_text(json.dumps(owner._asdict()))
    shift(claim, -written)
    assert jobs.state(task) == ("queued" if written == -600 else "running")
    monkeypatch.setattr(queue, "look_up", lambda others: {})
    jobs = Jobs(options.slurm.cache)
    assert jobs.state(task) == "lost"
    jobs.take_from_dead(task)
    held = lease.acquire(task.folder.path)  # as the next job does
    assert held.number == (5 if written == -600 else 6)
    held.release()


def test_slurm_jobs_are_known_by_their_id_whatever_they_are_called(declared, site, monkeypatch):
    (first, second), options = declared
    rows = [row("7_0", names="mine|/tmp/x"), row("8_1", names="wae-b|/tmp/x")]
    jobs = submitted((first, second), options, "wae-b", rows, monkeypatch)
    assert (jobs.state(first), jobs.state(second)) == ("queued", "lost")


@pytest.mark.parametrize("names", [
    "wae-b|(null)", "renamed by the site|/cache/slurm/wae-b/.submission_file_1.sh"])
def test_slurm_jobs_without_an_id_on_record_are_known_by_name(names, declared, site, monkeypatch):
    """The submitting command was killed before it could note the id."""
    (first, second), options = declared
    rows = [row("8_1", names=names), row("9_0", names="wae-c|/cache/slurm/wae-c/file")]
    jobs = submitted((first, second), options, "wae-b", rows, monkeypatch, array=None)
    assert jobs.state(second) == "queued"
    jobs.tidy(first.folder)
    shift(options.slurm.cache / "slurm" / "wae-b" / "submission.json", 1000)
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
    monkeypatch.setattr(queue, "site", lambda: queue.read_site(REMEMBERS + hides))
    asked = []
    jobs = submitted([task], options, "hers", [row("7", "RUNNING")], monkeypatch, user="ann")
    assert jobs.state(task) == "queued"
    monkeypatch.setattr(queue, "look_up", lambda others: asked.append(others) or {})
    assert Jobs(options.slurm.cache).state(task) == state
    assert asked == [{"ann"}]


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


def test_slurm_submissions_are_deleted_once_settled(declared, site, monkeypatch):
    (first, second), options = declared
    submitted([first], options, "settled", [], monkeypatch)
    jobs = submitted([second], options, "open", [], monkeypatch)
    first.folder.finish({"status": "diverged", "curves": {}}, {}, b"")
    jobs.tidy(first.folder)
    assert [path.name for path in (options.slurm.cache / "slurm").iterdir()] == ["open"]
