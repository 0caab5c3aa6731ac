"""What a run leaves behind: its memory is freed; a GPU fault costs one run and its process."""

from collections import Counter
from contextlib import suppress
import gc
from types import SimpleNamespace
import weakref

from conftest import ROOT
import pytest
from test_training import BASE, CARELESS, finish, run_of, training_of
import torch

from benchmarks.harness.command import main
from benchmarks.harness.errors import LostGpuError
from benchmarks.harness.launch import execute, launchers, local, train_and_measure
from benchmarks.harness.launch.options import Options
from benchmarks.harness.slurm import sbatch
from benchmarks.harness.spec.hyperparameters import UserMethod, resolve
from benchmarks.harness.store import provenance
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import Task
from benchmarks.harness.train import device
from benchmarks.harness.train.interrupts import StopRequest
from benchmarks.harness.train.loop import Trainer
from methods import METHODS

FAULTY = ROOT / "tests" / "faulty.py"


def task_of(folder, name, source=None):
    """An untrained run of the method, which is the user's if a source is given."""
    method = UserMethod(name, source, {}) if source else None
    run = resolve(BASE, method, {}) if method else run_of(name)
    task = Task(Store(folder / "runs").folder(run.key))
    task.folder.write_spec(run, source)
    return task


def options_of(folder):
    return Options(folder / "data", "cpu")


def executed(task, folder):
    return execute.execute(task, options_of(folder), StopRequest(), lambda fraction: None)


@pytest.fixture
def by_counting():
    """Without the garbage collector, objects are freed only when nothing refers to them."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", [*METHODS, "svae"])
def test_training_is_freed_with_its_last_reference(name, tmp_path, by_counting):
    for _ in range(2):
        training = training_of(run_of(name), tmp_path)
        finish(training)
        held = [training, training.objective, training.data, training.optimizers.adams["main"]]
        held = [weakref.ref(one) for one in held]
        del training
        assert [one() for one in held] == [None] * len(held)


@pytest.fixture
def trainers(monkeypatch):
    """Weak references to all trainings that `train_run` creates."""
    made = []

    class Watched(Trainer):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(weakref.ref(self))

    monkeypatch.setattr(train_and_measure, "Trainer", Watched)
    return made


def test_each_run_of_a_process_is_freed_when_it_ends(
        tmp_path, trainers, by_counting, monkeypatch):
    """Also a failed one: no traceback refers to it when GPU memory is released."""
    alive = []
    monkeypatch.setattr(execute, "free_gpu", lambda: alive.extend(ref() for ref in trainers))
    failing = CARELESS.replace("(step.z - torch.rand(8)).square().mean()", "step.nothing")
    tasks = [*(task_of(tmp_path, name) for name in ("moca", "gan", "swd")),
             task_of(tmp_path, "careless", failing)]
    states = [executed(tasks[k], tmp_path) for k in (0, 1, 3, 2)]
    assert states == ["done", "done", "failed", "done"]
    assert alive == [None] * (1 + 2 + 3 + 4)


@pytest.fixture
def gpu(monkeypatch):
    """torch.cuda as in a process that has used a GPU; `fails` maps a function to its error."""
    there = SimpleNamespace(fails={}, calls=[])

    def call(name):
        def answer(*arguments, **named):
            there.calls.append(name)
            if name in there.fails:
                raise there.fails[name]
        return answer

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    for owner, name in ((torch.cuda, "synchronize"), (torch.cuda, "empty_cache"), (torch, "rand")):
        monkeypatch.setattr(owner, name, call(name))
    return there


@pytest.mark.parametrize(("call", "error", "lost"), [
    ("synchronize", torch.AcceleratorError("CUDA error: an illegal memory access"), True),
    ("rand", RuntimeError("Offset increment outside graph capture encountered"), True),
    ("rand", torch.OutOfMemoryError("CUDA out of memory"), False), ("", None, False)])
def test_gpu_memory_is_released_unless_the_gpu_is_lost(call, error, lost, gpu):
    gpu.fails = {call: error}
    assert device.gpu_is_lost() is lost
    gpu.calls.clear()
    device.free_gpu()
    assert Counter(gpu.calls)["empty_cache"] == (not lost)


def test_process_without_a_gpu_cannot_lose_it(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    assert not device.gpu_is_lost()
    device.free_gpu()
    assert not gpu.calls


class Seen:
    """Records the final state of each run of a sweep."""

    def __init__(self):
        self.states = {}

    def started(self, folder): ...

    def moved(self, folder, fraction): ...

    def finished(self, folder, state):
        assert folder.key not in self.states
        self.states[folder.key] = state


@pytest.fixture
def queue(tmp_path):
    """Three runs; the first one is faulty."""
    return [task_of(tmp_path, "faulty", FAULTY.read_text()), task_of(tmp_path, "mmd"),
            task_of(tmp_path, "swd")]


@pytest.fixture
def spoiled(monkeypatch):
    """Lets a faulty run break this process; call it to repair it."""
    def renew():
        monkeypatch.undo()
        for owner, name in ((torch.cuda, "is_initialized"), (torch.cuda, "synchronize"),
                            (torch, "randperm")):
            monkeypatch.setattr(owner, name, getattr(owner, name))

    renew()
    return renew


def check_failure(task):
    """The failure is recorded, and the run was tried once."""
    assert task.folder.error() == "AcceleratorError: CUDA error: device-side assert triggered"
    log = (task.folder.path / "log.txt").read_text()
    assert log.count("from step 0") == 1
    assert "Compile with DSA" in log


def test_pool_replaces_a_worker_that_has_lost_its_gpu(queue, tmp_path):
    seen = Seen()
    local.train_in_pool(queue, options_of(tmp_path), seen)
    assert list(seen.states.values()) == ["failed", "done", "done"]
    check_failure(queue[0])


@pytest.fixture
def pool(queue, tmp_path):
    """A pool with one worker, at work on the first run; the second is in the queue.

    `said` has its messages for two reads; it dies after the first."""
    made = local.Pool(queue[1:2], options_of(tmp_path), Seen())
    made.said = []
    worker = SimpleNamespace(
        task=queue[0], ends=False, messages=lambda: made.said.pop(0),
        process=SimpleNamespace(is_alive=lambda: len(made.said) == 2, exitcode=1),
        line=SimpleNamespace(send=lambda task: pytest.fail("it was given another run")))
    made.workers.append(worker)
    return made


def test_pool_gives_no_run_to_a_worker_that_has_lost_its_gpu(pool):
    pool.said = [[local.LOST, "failed"], []]
    pool._listen(pool.workers[0])
    pool._assign()
    assert [*pool.progress.states.values()] == ["failed"]
    assert pool.workers


def test_pool_reads_the_last_messages_of_a_dead_worker(pool):
    """It sent them, and died, between the two reads."""
    pool.said = [[], [local.LOST, "done"]]
    for _ in range(2):
        pool._listen(pool.workers[0])
    assert [*pool.progress.states.values()] == ["done"]
    assert not pool.deaths
    assert not pool.workers


def test_inline_launcher_stops_when_the_gpu_is_lost(queue, tmp_path, spoiled):
    seen = Seen()
    with pytest.raises(LostGpuError):
        launchers.train_inline(queue, options_of(tmp_path), seen)
    assert [task.state() for task in queue] == ["failed", "missing", "missing"]
    check_failure(queue[0])
    spoiled()
    launchers.train_inline(queue[1:], options_of(tmp_path), seen)
    assert list(seen.states.values()) == ["failed", "done", "done"]


def test_lost_gpu_is_reported_in_one_line(place, spoiled, capsys):
    assert main.main(["fig1", "--scale", "smoke", "--methods", "sae", "--seeds", "1", "--cluster",
                      "debug", "--with", str(FAULTY), *place.options]) == 1
    assert capsys.readouterr().err == (
        "bench.py: a run has made the GPU unusable in this process; "
        "the same command goes on with the other runs\n")


@pytest.fixture
def requeued(tmp_path, monkeypatch):
    """Executes tasks as a SLURM job does; returns the signals by which it requeues itself."""
    code = provenance.fingerprint()

    def run(tasks):
        signals = []
        monkeypatch.setattr(provenance, "_adopted", {})
        monkeypatch.setattr(sbatch.signal, "raise_signal", signals.append)
        with suppress(SystemExit):
            sbatch.JobPayload.of(tasks, options_of(tmp_path), code)()
        return signals
    return run


def test_slurm_job_that_loses_its_gpu_is_requeued_for_the_other_runs(queue, spoiled, requeued):
    """It does not repeat the run that failed."""
    assert requeued(queue) == [sbatch.REQUEUE]
    assert [task.state() for task in queue] == ["failed", "missing", "missing"]
    spoiled()
    assert requeued(queue) == []
    assert [task.state() for task in queue] == ["failed", "done", "done"]
    check_failure(queue[0])


def test_slurm_job_whose_last_run_loses_the_gpu_is_not_requeued(queue, spoiled, requeued):
    assert requeued(queue[:1]) == []
    assert queue[0].state() == "failed"
