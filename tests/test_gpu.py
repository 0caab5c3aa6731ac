"""The GPU path, on a GPU: pytest -n 0 -m gpu tests/test_gpu.py -s (at most 170 seconds on an H100).

Every test prints what it found as it ends, and a table of all comes last. With
WAE_BENCH_TEST_DEVICE=cpu in the environment, everything is rehearsed on a processor, on less work.
"""

from contextlib import contextmanager
from dataclasses import replace
import gc
import io
from itertools import pairwise
import os
import shutil
import signal
import statistics
import subprocess
import time
from unittest.mock import patch

from busy import HANG, await_that
from conftest import Place
from contract import CASES, method_of
from mortal_runs import Silent
import numpy as np
import pytest
from test_paths import curve
from test_training import same
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.harness.data.datasets import points
from benchmarks.harness.launch.execute import execute
from benchmarks.harness.launch.local import train_in_pool
from benchmarks.harness.launch.options import Options
from benchmarks.harness.measure import features
from benchmarks.harness.measure.feature_scores import feature_scores
from benchmarks.harness.measure.measures import MEASURES
from benchmarks.harness.measure.trained_model import Model, TrainedModel
from benchmarks.harness.results.read import largest_difference
from benchmarks.harness.spec.hyperparameters import UserMethod, resolve
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import Task
from benchmarks.harness.train import build
from benchmarks.harness.train.cuda_graph import WARM_UP
from benchmarks.harness.train.curves import TrainingSetup
from benchmarks.harness.train.device import prepare_torch
from benchmarks.harness.train.execution import Execution
from benchmarks.harness.train.interrupts import StopRequest
from benchmarks.harness.train.loop import Trainer
from benchmarks.recipes import CIFAR10
from benchmarks.speed.cases import images
from methods import OBJECTIVES
from methods.priors import PRIORS

DEVICE = os.environ.get("WAE_BENCH_TEST_DEVICE", "cuda")
GPU = DEVICE.startswith("cuda")
pytestmark = [pytest.mark.gpu,
              pytest.mark.skipif(GPU and not torch.cuda.is_available(), reason="needs a GPU")]
SECONDS = 170 if GPU else 10 * HANG  # for all tests; those that would begin later are skipped
NAMES = [*CASES, *OBJECTIVES]
STEPS, CUT = (20, 9) if GPU else (6, 4)  # cut after the capture
REPLAYS = 200 if GPU else 4  # steps of the timings
POINTS, SIZE = (3000, 2048) if GPU else (150, 64)  # of compared features
MANY = 10_000 if GPU else 150  # features of a whole evaluation
EVALUATED = 400 if GPU else 64  # test points of compared measures
PICTURES = 4000 if GPU else 4  # through Inception
TABLE2 = ("table2", "--scale", "smoke", "--device", DEVICE)
MIB = 2**20


class Table:
    """What was found, printed at once and again at the end."""

    def __init__(self):
        self.began, self.rows = time.monotonic(), []

    @property
    def left(self):
        return SECONDS - (time.monotonic() - self.began)

    def note(self, what, found):
        self.rows.append(f"  {what:<60} {found}")
        print(self.rows[-1], flush=True)


@pytest.fixture(scope="module")
def table():
    table = Table()
    card = torch.cuda.get_device_name() if GPU else "a processor, for rehearsal"
    print(f"\n{card}, torch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN "
          f"{torch.backends.cudnn.version()}", flush=True)
    yield table
    print(f"\n{card}: {SECONDS - table.left:.0f} s", *table.rows, sep="\n", flush=True)


@pytest.fixture(autouse=True)
def seconds(table, request):
    """Prints how long a test took; skips one for which no time is left."""
    if table.left < 5:
        table.note(request.node.name, "SKIPPED: no time is left")
        pytest.skip("no time is left")
    began = time.monotonic()
    yield
    print(f"  [{request.node.name}: {time.monotonic() - began:.1f} s]", flush=True)


@pytest.fixture(scope="module", autouse=True)
def alone(table, tmp_path_factory, request):
    """Table 2 at smoke scale by one process, in the background of the tests that time nothing."""
    place = Place(tmp_path_factory.mktemp("alone"))
    if not any("table2" in item.name for item in request.session.items):
        yield place
        return
    place.process, place.began = start(place, *TABLE2, "--jobs", "1"), time.monotonic()
    yield place
    place.process.kill()
    place.process.wait()


def start(place, *words):
    with open(place.folder / "said", "a", encoding="utf-8") as said:
        return subprocess.Popen(place.command(*words), stdout=said, stderr=subprocess.STDOUT,
                                cwd=place.folder)


def end(place, process, table):
    """The exit status and all that was said; kills what takes longer than there is time."""
    try:
        process.wait(max(10, table.left))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return process.returncode, (place.folder / "said").read_text()


def small(name, **changes):
    """A2 at width 1/16 with the method, STEPS steps of 64 images."""
    run = replace(CIFAR10.template("smoke", "a2"), n_train=64 * STEPS, epochs=1, lr=1e-5)
    if name == "svae":
        run = replace(run, dim=16)
    hyper = {"moca": {"K": 96}, "repulsion": {"K": 96}, "gan": {"critic_lr": 1e-5},
             "mmd[memory]": {"memory": 96, "m0": 0.9}, "swd[memory]": {"memory": 96}}
    return resolve(replace(run, **changes), method_of(name), hyper.get(name, {}))


def trainer(run, folder, plain=False, last=None, data=None):
    """A training on the device; `last`: whether images lie channels last, None as declared."""
    prepare_torch(DEVICE, run.precision)
    data = points(run, "train", run.n_train, folder).x if data is None else data
    return Trainer(TrainingSetup(run, data, folder, DEVICE), (), folder / "method.py",
                   Execution(plain=plain, channels_last=last))


def synchronize():
    if GPU:
        torch.cuda.synchronize()


def nudge(objective):
    """Changes all weights by about a millionth."""
    draws = torch.Generator(DEVICE).manual_seed(0)
    with torch.no_grad():
        for weight in objective.parameters():
            weight.mul_(1 + 1e-6 * torch.randn(weight.shape, generator=draws, device=DEVICE))


@pytest.mark.parametrize("name", NAMES)
def test_fast_path_trains_as_the_plain_one(name, table, tmp_path):
    """As near as the plain path comes to itself from weights that differ in their last bits."""
    run, curves = small(name), {}
    for kind in ("plain", "nudged", "fast"):
        training = trainer(run, tmp_path, plain=kind != "fast")
        if kind == "nudged":
            nudge(training.objective)
        curves[kind] = curve(training, STEPS)
    plain = curves["plain"]
    by_path, by_rounding = (np.abs(curves[kind] / plain - 1) for kind in ("fast", "nudged"))
    table.note(f"{name}, {training.path}, against plain, {STEPS} steps",
               f"loss {plain[0]:.5g} to {plain[-1]:.5g}, apart {by_path.max():.1e}, "
               f"by rounding {by_rounding.max():.1e}")
    assert np.isfinite(plain).all()
    assert by_path.max() < 10 * by_rounding.max() + 1e-5
    assert training.path.startswith("graph" if GPU and name != "svae" else "eager")


def stored(state):
    """A training's state as a checkpoint gives it back, without its times."""
    buffer = io.BytesIO()
    torch.save({key: value for key, value in state.items() if key not in ("seconds", "attempts")},
               buffer)
    buffer.seek(0)
    return torch.load(buffer, map_location="cpu", weights_only=True)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["moca", "gan", "svae"])
def test_resumed_training_is_the_uninterrupted_one(name, precision, table, tmp_path):
    """Bit for bit in fp32; in bf16 cuDNN may add in another order."""
    run = small(name, precision=precision, lr=1e-3)
    whole, begun, resumed = (trainer(run, tmp_path) for _ in range(3))
    losses = curve(whole, STEPS)
    curve(begun, CUT)
    resumed.restore(stored(begun.state()) | {"seconds": 0.0, "attempts": []})
    apart = np.abs(curve(resumed, STEPS - CUT) / losses[CUT:] - 1).max()
    try:
        same(stored(whole.state()), stored(resumed.state()))
        found = "bit for bit"
    except AssertionError as error:
        found = f"losses apart {apart:.1e}, first difference in {str(error).splitlines()[0]}"
    table.note(f"{name}, {precision}, stopped after {CUT} of {STEPS} steps, resumed", found)
    assert apart < 0.05
    if precision == "fp32":
        assert found == "bit for bit"


def held():
    """Bytes of all living tensors; no garbage is collected for it."""
    if GPU:
        torch.cuda.synchronize()
        return torch.cuda.memory_allocated()
    return sum(x.untyped_storage().nbytes() for x in gc.get_objects() if type(x) is torch.Tensor)


def task_of(run, folder, source=None):
    task = Task(Store(folder / "runs").folder(run.key))
    task.folder.write_spec(run, source)
    return task


def test_memory_is_flat_over_six_trainings(table, tmp_path):
    """As a warm worker does them; apart from the workspace that cuBLAS keeps for each stream."""
    found, before = [], held()
    for seed in range(6):
        task = task_of(small("moca", seed=seed, width=1 / 4), tmp_path)
        state = execute(task, Options(tmp_path, DEVICE), StopRequest(), lambda done: None)
        assert state == "done", task.folder.error()
        grown = held() - before
        if GPU:
            torch._C._cuda_clearCublasWorkspaces()
        found.append((grown, held() - before))
    for what, values in zip(("with cuBLAS's workspaces", "without them"), zip(*found, strict=True),
                            strict=True):
        table.note(f"memory after each of six trainings, {what}, MiB",
                   " ".join(f"{value / MIB:.1f}" for value in values))
    assert found[-1][1] - found[0][1] < MIB


FAULTY = """
import torch
from methods.base import Regularizer

class Faulty(Regularizer):
    def __init__(self, context):
        super().__init__()

    def penalty(self, step):
        z = step.z
        {fault}
        return z.square().mean()
"""
CAPTURED = "z.is_cuda and torch.cuda.is_current_stream_capturing()"
FAULTS = {  # what the method does -> the statement, what the run's error says on a GPU
    "reads back": ("z = z * (2 if float(step.progress) > 2 else 1)",
                   ("cannot be captured", "capturable = False")),
    "fills the memory": ("torch.empty(2**50, dtype=torch.uint8, device=z.device)",
                         ("out of memory",)),
    "fills the memory in a capture": (
        f"torch.empty(2**50 if {CAPTURED} else 1, dtype=torch.uint8, device=z.device)",
        ("out of memory",)),
    "fails an assertion": ("z = z[step.index + 2**20]", ("assert",))}


def test_a_fault_costs_its_run_and_no_other(table, tmp_path):
    """In a worker of the pool; every fault is followed by a normal run."""
    faulty, normal = {}, []
    for number, (name, (fault, _)) in enumerate(FAULTS.items()):
        source = FAULTY.format(fault=fault)
        run = resolve(small("mmd"), UserMethod("faulty", source, {}), {})
        faulty[name] = task_of(run, tmp_path, source)
        normal.append(task_of(small("moca", seed=number), tmp_path))
    tasks = [task for pair in zip(faulty.values(), normal, strict=True) for task in pair]
    train_in_pool(tasks, Options(tmp_path, DEVICE, jobs=1), Silent())
    for name, task in faulty.items():
        state = task.state()
        said = f": {task.folder.error()[:160]}" if state == "failed" else ""
        table.note(f"a method that {name}", state + said)
    after = [task.state() for task in normal]
    table.note("the runs that follow them", ", ".join(after))
    assert after == ["done"] * len(normal)
    if GPU:
        for name, (_, words) in FAULTS.items():
            said = faulty[name].folder.error()
            assert all(word in said for word in words), said
            assert "memory" not in name or "capturable" not in said, said


def test_table2_at_smoke_scale(alone, table):
    status, said = end(alone, alone.process, table)
    table.note("table2 --scale smoke, beside the tests before this one",
               f"{time.monotonic() - alone.began:.0f} s, status {status}")
    assert status == 0, said


def random_features(n, seed, shift=0.0):
    """Rectified correlated features (n, SIZE), as a network's last layer gives them."""
    draws, fixed = (torch.Generator().manual_seed(number) for number in (seed, 99))
    mixing = torch.randn(SIZE, SIZE, generator=fixed) / SIZE**0.5
    mixing *= torch.logspace(0, -2, SIZE)[:, None]
    return (torch.randn(n, SIZE, generator=draws) @ mixing).relu() + shift


def scores(real, made):
    return feature_scores("inception", real=real, made=made,
                          draws=torch.Generator().manual_seed(0))


def furthest(found, expected):
    """The largest relative difference of a number, in words."""
    apart = {name: abs(found[name] - value) / max(abs(value), 1e-9)
             for name, value in expected.items()}
    worst = max(apart, key=apart.get)
    return f"apart {apart[worst]:.1e} ({worst})"


@contextmanager
def all_cores():
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count())
    yield
    torch.set_num_threads(before)


def test_scores_are_the_cpus(table):
    """In float64; in float32 the CPU may place a point or two on the other side of a ball."""
    prepare_torch(DEVICE, "fp32")
    with all_cores():
        many = [random_features(MANY, seed, 0.01 * seed) for seed in range(2)]
        single, expected = (scores(*(x[:POINTS].to(dtype) for x in many))
                            for dtype in (torch.float32, torch.float64))
    many = [x.to(DEVICE) for x in many]
    found = scores(*(x[:POINTS] for x in many))
    began = time.perf_counter()
    scores(*many)
    taken = time.perf_counter() - began
    table.note(f"scores of {POINTS} features of size {SIZE} against the CPU",
               f"{furthest(found, expected)}, in float32 {furthest(found, single)}; "
               f"of {MANY}: {taken:.2f} s")
    assert found == pytest.approx(expected, rel=1e-6, abs=0)


def measured(name, run, device, folder):
    networks = build.autoencoder(run, (3, 32, 32), PRIORS[run.prior](run.dim))
    for network in networks:
        network.to(device).eval()
    test = points(run, "test", EVALUATED, folder)
    return MEASURES[name](TrainedModel(run, Model(*networks), test, folder, device)).numbers


@pytest.mark.parametrize("name", ["cifar10", "image_swd", "latent_swd", "reconstruction",
                                  "isotropy"])
@torch.no_grad()
def test_measures_are_the_cpus_up_to_rounding_of_the_networks(name, table, tmp_path):
    """The networks compute in float32 on both, so that two neighbours may change places."""
    run = small("moca", n_train=EVALUATED)
    prepare_torch(DEVICE, "fp32")
    with all_cores():
        expected = measured(name, run, "cpu", tmp_path)
    began = time.perf_counter()
    found = measured(name, run, DEVICE, tmp_path)
    taken = time.perf_counter() - began
    table.note(f"{name} of {EVALUATED} points against the CPU",
               f"{furthest(found, expected)}; {taken:.2f} s")
    assert found == pytest.approx(expected, rel=1e-3, abs=3 / EVALUATED)


def random_inception():
    from pytorch_fid import inception
    with (patch.object(inception, "load_state_dict_from_url", lambda *a, **k: {}),
          patch.object(torch.nn.Module, "load_state_dict", lambda *a, **k: None)):
        return inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]])


@torch.no_grad()
def test_inceptions_features_stay_on_the_device(table):
    prepare_torch(DEVICE, "fp32")
    network = features.prepared(random_inception(), DEVICE)
    x = images(PICTURES, 32)
    features.inception_features(network, x[:max(2, PICTURES // 20)], DEVICE)
    synchronize()
    began = time.perf_counter()
    found = features.inception_features(network, x, DEVICE)
    synchronize()
    taken = time.perf_counter() - began
    table.note(f"Inception on {PICTURES} images, fp32", f"{PICTURES / taken:.0f} images/s")
    assert found.device.type == torch.device(DEVICE).type
    assert found.isfinite().all()


def timed(training, count):
    """Milliseconds of so many steps: on the device, and until the host can go on."""
    host, stamps = [], []

    def stamp():
        if GPU:
            stamps.append(torch.cuda.Event(enable_timing=True))
            stamps[-1].record()
        else:
            stamps.append(time.perf_counter())

    synchronize()
    stamp()
    for _ in range(count):
        began = time.perf_counter()
        training.advance()
        host.append(1e3 * (time.perf_counter() - began))
        stamp()
    synchronize()
    device = [a.elapsed_time(b) if GPU else 1e3 * (b - a)
              for a, b in pairwise(stamps)]
    return device, host


def longest_kernels(training, steps=5):
    """A line on a step's kernels, and one on each of the fifteen that take most of it."""
    with profile(activities=[ProfilerActivity.CUDA if GPU else ProfilerActivity.CPU]) as seen:
        for _ in range(steps):
            training.advance()
        synchronize()

    def spent(event):
        return event.self_device_time_total if GPU else event.self_cpu_time_total

    events = sorted(filter(spent, seen.key_averages()), key=spent, reverse=True)
    total, count = sum(map(spent, events)), sum(event.count for event in events)
    return [f"{total / steps / 1e3:.3f} ms in {count / steps:.0f} kernels a step", *(
        f"  {spent(event) / steps / 1e3:8.4f} ms {event.count / steps:6.1f} x {event.key[:84]}"
        for event in events[:15])]


def with_moca(precision):
    """A2 with MoCA as in Table 2, at full width, on noise."""
    run = CIFAR10.template("paper" if GPU else "smoke", "a2")
    return replace(run, dataset="procedural", crop=None, n_train=512, epochs=100,
                   precision=precision, width=None if GPU else 1 / 8)


@pytest.mark.parametrize("last", [True, False], ids=["channels last", "channels first"])
@pytest.mark.parametrize("precision", ["bf16", "tf32", "fp32"])
def test_step_of_a2_with_moca_in_both_layouts(precision, last, table, tmp_path):
    training = trainer(with_moca(precision), tmp_path, last=last, data=images(512, 32))
    for _ in range(WARM_UP + 2):
        training.advance()
    device, host = timed(training, REPLAYS)
    low, median, high = statistics.quantiles(device, n=4)
    table.note(f"A2 with MoCA, {precision}, {training.path}, {REPLAYS} steps",
               f"{median:.3f} ms ({low:.3f} to {high:.3f}), host {statistics.median(host):.3f} ms")
    assert np.isfinite(float(training.epoch_log.sums["loss"]))


@pytest.mark.parametrize("precision", ["bf16", "tf32", "fp32"])
def test_longest_kernels_of_a2_with_moca(precision, table, tmp_path):
    training = trainer(with_moca(precision), tmp_path, data=images(512, 32))
    for _ in range(WARM_UP + 2):
        training.advance()
    summary, *lines = longest_kernels(training)
    table.note(f"A2 with MoCA, {precision}, {training.path}", summary)
    print(*lines, sep="\n", flush=True)
    assert len(lines) == 15


def test_table2_by_two_processes_stopped_and_resumed_is_the_same(alone, table, tmp_path):
    """A third of the runs, with SIGTERM in the first; the same command goes on from there."""
    place = Place(tmp_path)
    runs = shutil.copytree(alone.cache / "runs", place.cache / "runs")
    for folder in sorted(runs.iterdir())[::3]:
        shutil.rmtree(folder)
    words = (*TABLE2, "--runs-per-gpu", "2") if GPU else (*TABLE2, "--jobs", "2")
    before = set(runs.glob("*/log.txt"))
    process = start(place, *words)

    def logs():
        return [log.read_text() for log in set(runs.glob("*/log.txt")) - before]
    await_that(lambda: any("from step 0" in log for log in logs())
               or process.poll() is not None or table.left < 10, pause=0.01)
    process.send_signal(signal.SIGTERM)
    status, said = end(place, process, table)
    assert status == 1, said
    assert "goes on from here" in said
    began = time.monotonic()
    status, said = end(place, start(place, *words), table)
    taken = time.monotonic() - began
    assert status == 0, said
    steps = [log.rpartition("from step ")[2].partition(" ")[0] for log in logs()
             if log.count("from step") == 2]
    one, two = ((folder.cache / "smoke" / "table2" / "data.csv").read_text()
                for folder in (alone, place))
    service = "by NVIDIA's service" if shutil.which("nvidia-cuda-mps-control") else "in turns"
    table.note(f"table2 by two processes ({service}), stopped, resumed",
               f"{taken:.0f} s, runs went on from steps {', '.join(steps) or 'none'}")
    table.note("its data.csv beside that of one process",
               "byte for byte" if one == two else largest_difference(one, two))
    assert any(int(step) > 0 for step in steps)
