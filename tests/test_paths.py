"""The ways a step is executed: the fast path against the plain one, mixed precision, graphs."""

from contextlib import contextmanager
from dataclasses import replace
import gc
import json
import re
from types import SimpleNamespace
import weakref

from contract import CASES, method_of
import numpy as np
import pytest
from test_training import IMAGES, SMALL, run_of
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import ARTEFACTS
from benchmarks.harness.command import main
from benchmarks.harness.data.datasets import points
from benchmarks.harness.data.seeding import default_generators
from benchmarks.harness.launch.execute import execute
from benchmarks.harness.launch.options import Options
from benchmarks.harness.measure.measures import MEASURES
from benchmarks.harness.measure.trained_model import MeasureResult
from benchmarks.harness.results.rows import read_csv
from benchmarks.harness.spec.artefact import Curve, Measure
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.selection import select
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import Task
from benchmarks.harness.train.build import evaluated, layout
from benchmarks.harness.train.cuda_graph import WARM_UP, CudaGraphStep
from benchmarks.harness.train.curves import TrainingSetup
from benchmarks.harness.train.device import prepare_torch
from benchmarks.harness.train.execution import Execution
from benchmarks.harness.train.interrupts import StopRequest
from benchmarks.harness.train.loop import Trainer
from methods import OBJECTIVES
from methods.base import WAE

NAMES = [*CASES, *OBJECTIVES]


def image_run(name, **changes):
    hyper = dict(SMALL.get(name, {}))
    for key in {"K", "memory"} & {*hyper}:
        hyper[key] += changes.get("batch", 0)
    return resolve(replace(IMAGES, **{"architecture": "a2"} | changes), method_of(name), hyper)


def made(run, folder, plain=False, **ways):
    data = points(run, "train", run.n_train, folder).x
    return Trainer(TrainingSetup(run, data, folder, "cpu"), (), folder / "method.py",
                   Execution(plain=plain, **ways))


def curve(training, steps):
    """The loss of every step."""
    found = []
    for _ in range(steps):
        before = float(training.epoch_log.sums["loss"]) if training.epoch_log.sums else 0.0
        training.advance()
        found.append(float(training.epoch_log.sums["loss"]) - before)
    return np.array(found)


def hundred(name, architecture, width):
    """A run of 100 steps of 32 images."""
    return image_run(name, architecture=architecture, n_train=3200, batch=32, n_prior=32,
                     width=width, epochs=1, lr=1e-4)


# a method that calls no network sees codes of one shape on either path: one stands for all
@pytest.mark.parametrize("name", ["mmd", "moca", "repulsion", "gan", *OBJECTIVES])
def test_fast_and_plain_path_have_the_same_loss_curve(name, tmp_path):
    """Within .5 % at each of 100 steps: rounding differences grow during training."""
    run = hundred(name, "residual", 1 / 32)
    fast, plain = (curve(made(run, tmp_path, plain), 100) for plain in (False, True))
    apart = np.abs(fast - plain) / np.abs(plain)
    assert apart.max() < 5e-3
    assert np.median(apart) < 1e-4
    assert np.ptp(plain) > 0.015 * abs(plain[0])  # the loss changes


def test_a2_paths_differ_no_more_than_by_rounding(tmp_path):
    """A2 is deeper: rounding errors of 1e-7 in its weights become 1 % of its loss."""
    run = hundred("mmd", "a2", 1 / 8)
    plain = curve(made(run, tmp_path, True), 100)
    nudged = made(run, tmp_path, True)
    with torch.no_grad():
        for weight in nudged.objective.encoder.parameters():
            weight.mul_(1 + 1e-7)
    by_rounding, by_path = (np.abs(other - plain) / plain for other in (
        curve(nudged, 100), curve(made(run, tmp_path, False), 100)))
    assert np.median(by_path) < 3 * np.median(by_rounding)
    assert by_path.max() < 3 * by_rounding.max()


def test_only_the_fast_path_stores_images_channels_last(tmp_path):
    run = image_run("moca", width=1 / 8)
    fast, plain = (made(run, tmp_path, plain) for plain in (False, True))
    assert (fast.path, plain.path) == ("eager, channels last", "eager")
    for training, last in ((fast, True), (plain, False)):
        training.advance()
        for part in (training.objective.encoder, training.objective.regularizer.key_encoder):
            (weight, *_) = [p for p in part.parameters() if p.dim() == 4 and p.shape[1] > 1]
            assert weight.is_contiguous(memory_format=torch.channels_last) is last
    assert made(run_of("moca"), tmp_path, False).path == "eager"  # no images


def test_a2_too_narrow_for_onednn_keeps_its_layout_on_the_cpu(tmp_path):
    """In channels-last layout, its strided 1x1 convolutions corrupt the heap below 8 channels."""
    run = image_run("mmd", width=1 / 8)
    first = next(p for p in made(run, tmp_path, False).objective.encoder.parameters())
    assert len(first) == 8
    for width, last in ((1 / 8, True), (1 / 9, False), (1 / 16, False), (None, True)):
        expected = torch.channels_last if last else torch.contiguous_format
        assert layout(replace(run, width=width), "cpu") is expected
    narrow = replace(run, width=1 / 16)
    assert layout(replace(narrow, precision="bf16"), "cuda:0") is torch.channels_last
    assert layout(replace(narrow, architecture="residual"), "cpu") is torch.channels_last


@pytest.mark.parametrize(("precision", "last"), [("bf16", True), ("tf32", False), ("fp32", False)])
def test_images_are_stored_channels_last_on_a_gpu_for_bf16(precision, last, tmp_path):
    expected = torch.channels_last if last else torch.contiguous_format
    for architecture in ("a1", "a2", "residual"):
        run = image_run("mmd", architecture=architecture, precision=precision)
        assert layout(run, "cuda:0") is expected
        assert Execution().layout(run, "cuda:0") is expected
        assert Execution(channels_last=not last).layout(run, "cuda:0") is not expected
    assert layout(run_of("mmd", precision=precision), "cuda") is torch.contiguous_format


@pytest.mark.parametrize("first", [False, True])
def test_checkpoint_of_one_path_resumes_on_the_other(first, tmp_path):
    """Adam's state must have the memory layout of the weights, or its kernel would mix it up."""
    run = image_run("moca", n_train=100, lr=1e-4)
    begun, whole = made(run, tmp_path, first), made(run, tmp_path, first)
    curve(begun, 5), curve(whole, 5)
    other = made(run, tmp_path, not first)
    other.restore(begun.state())
    np.testing.assert_allclose(curve(other, 5), curve(whole, 5), rtol=1e-3)


class OnTheDevice(TorchDispatchMode):
    """Raises where a step would wait for the GPU: for a number or a shape that depends on one."""

    FORBIDDEN = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "bincount")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in self.FORBIDDEN:
            raise RuntimeError(f"{func} waits for the device")
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("name", NAMES)
def test_capturable_step_never_waits_for_the_device(name, tmp_path):
    training = made(image_run(name, n_train=100), tmp_path, False)
    training.advance()
    # Adam's kernel for CPUs reads its own counter; the one for GPUs does not
    for adam in training.optimizers.adams.values():
        adam.step = lambda: None
    assert training.objective.capturable is (name != "svae")
    with OnTheDevice():
        if training.objective.capturable:
            training._work()
        else:
            with pytest.raises(RuntimeError, match="waits for the device"):
                training._work()


@pytest.mark.parametrize("name", CASES)
def test_step_uses_the_same_tensors_every_time(name, tmp_path):
    """Otherwise a graph would keep using the tensors it was captured with."""
    training = made(image_run(name, n_train=19, epochs=9), tmp_path, False)
    for _ in range(WARM_UP):
        training.advance()

    def places():
        held = {"diverged_at": training.epoch_log.diverged_at, "order": training.batches.order}
        for adam in training.optimizers.adams.values():
            for k, moments in enumerate(adam.state.values()):
                held |= {f"{k}/{kind}": moment for kind, moment in moments.items()}
        return training.places() | {key: value.data_ptr() for key, value in held.items()}

    before = places()
    for _ in range(3):  # these steps include the end of an epoch
        training.advance()
        if training.at_epoch_end:
            training.record()
    assert places() == before


class FakeCuda:
    """Stands in for torch.cuda while capturing; records the calls.

    As in torch, a failed capture raises a second error when it ends, and leaves its stream the
    current one."""

    def __init__(self, monkeypatch):
        self.said, self.capturing = [], False
        self.current = self.outside = self.Stream()
        for name in ("Stream", "current_stream", "set_stream", "stream", "graph", "CUDAGraph",
                     "synchronize"):
            monkeypatch.setattr(torch.cuda, name, getattr(self, name))

    def Stream(self):  # noqa: N802 torch's name
        return SimpleNamespace(wait_stream=lambda other: None)

    def current_stream(self):
        return self.current

    def set_stream(self, stream):
        self.current = stream

    def synchronize(self): ...

    @contextmanager
    def stream(self, stream):
        self.said.append("aside")
        yield

    @contextmanager
    def graph(self, graph, stream):
        self.said.append("capture")
        self.current, self.capturing = stream, True
        try:
            yield
        except RuntimeError:
            raise RuntimeError("operation failed due to a previous error")  # noqa: B904
        finally:
            self.capturing = False
        self.current = self.outside

    def CUDAGraph(self):  # noqa: N802 torch's name
        return SimpleNamespace(replay=lambda: self.said.append("replay"),
                               register_generator_state=lambda draws: self.said.append(draws))


@pytest.fixture
def cuda(monkeypatch):
    return FakeCuda(monkeypatch)


def executed(step, draws=(), places=dict):
    """Executes a step until its graph has been replayed twice."""
    execute = CudaGraphStep(draws, "mine")
    for _ in range(WARM_UP + 2):
        execute(step, places)
    return execute


def test_graph_is_captured_after_warm_up_and_then_replayed(cuda):
    draws = torch.Generator()
    executed(lambda: cuda.said.append("step"), [draws])
    assert cuda.said == [*["aside", "step"] * WARM_UP, draws, "capture", "step", "replay", "replay"]
    assert cuda.current is cuda.outside


FORBIDDEN = "CUDA error: operation not permitted when stream is capturing"


def in_capture(cuda, fail):
    def step():
        if cuda.capturing:
            fail()
    return step


def forbidden():
    raise RuntimeError(f"{FORBIDDEN}\nSearch for it in the manual")


def in_turn():
    try:
        forbidden()
    finally:
        raise RuntimeError("what comes of it")


@pytest.mark.parametrize("fail", [forbidden, in_turn])
def test_failed_capture_names_its_first_error_and_says_what_to_do(fail, cuda):
    with pytest.raises(RuntimeError) as caught:
        executed(in_capture(cuda, fail))
    assert str(caught.value) == ("a step of mine cannot be captured as a CUDA graph "
                                 f"({FORBIDDEN}); say capturable = False in its class, or --plain")
    assert cuda.current is cuda.outside
    assert gc.isenabled()


def test_capture_that_runs_out_of_memory_says_so(cuda):
    def fail():
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError, match=r"^CUDA out of memory$"):
        executed(in_capture(cuda, fail))
    assert cuda.current is cuda.outside


def test_capture_is_not_blamed_for_an_error_of_an_earlier_step(cuda, monkeypatch):
    def fail():
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(torch.cuda, "synchronize", fail)
    with pytest.raises(torch.AcceleratorError, match=r"assert triggered$"):
        executed(lambda: None)
    assert "capture" not in cuda.said


@pytest.mark.parametrize("collecting", [True, False])
def test_garbage_is_collected_before_a_capture_and_not_inside(collecting, cuda):
    class Node:
        pass

    node, seen = Node(), []
    node.itself, dead = node, weakref.ref(node)
    del node
    (gc.enable if collecting else gc.disable)()
    try:
        executed(in_capture(cuda, lambda: seen.extend([gc.isenabled(), dead()])))
        assert gc.isenabled() is collecting
    finally:
        gc.enable()
    assert seen == [False, None]


def test_captured_step_that_rebinds_its_tensors_is_refused(cuda):
    """A graph would keep reading the tensor it was captured with."""
    places = {"regularizer.mean": 1}

    def rebind():
        places["regularizer.mean"] += 1

    with pytest.raises(RuntimeError, match=r"regularizer\.mean is another tensor"):
        executed(rebind, places=lambda: dict(places))


def test_restored_training_captures_its_graph_again(cuda, tmp_path):
    """The old graph would update tensors that `restore` has replaced, such as Adam's moments."""
    training = made(image_run("mmd", n_train=100), tmp_path, False)
    training.graph = CudaGraphStep([], "mmd")
    for _ in range(WARM_UP + 1):
        training.advance()
    assert training.graph.graph
    training.restore(training.state())
    assert training.graph.graph is None
    cuda.said.clear()
    for _ in range(WARM_UP + 1):
        training.advance()
    assert cuda.said == [*["aside"] * WARM_UP, "capture", "replay"]


def test_torchs_default_generators_are_seeded_by_the_run(monkeypatch):
    """The CPU's and the GPU's; they have different names in a checkpoint."""
    on_gpu = [torch.Generator(), torch.Generator()]
    monkeypatch.setattr(torch.cuda, "default_generators", on_gpu)
    found = [default_generators(seed, torch.device("cuda:1")) for seed in (3, 3, 4)]
    assert [[*draws] for draws in found] == [["global", "global cuda"]] * 3
    assert found[0]["global"] is torch.default_generator
    assert found[0]["global cuda"] is on_gpu[1]
    first, again, other = (
        [torch.rand(3, generator=draws).tolist()
         for draws in default_generators(seed, torch.device("cuda:1")).values()]
        for seed in (3, 3, 4))
    assert first == again
    assert first[1] != other[1]
    assert [*default_generators(3, torch.device("cpu"))] == ["global"]


# operations whose GPU kernels add in a varying order, according to
# torch.use_deterministic_algorithms; without index_copy and scatter, which vary only if an index
# occurs twice, as the slots of a queue and the ranks of a sort do not
VARYING = re.compile(
    r"index_add|index_put|scatter_add|scatter_reduce|^put|cumsum|histc|bincount|kthvalue|median|"
    r"embedding|nll_loss2d|ctc_loss|grid_sampl|adaptive_|max_pool|avg_pool3d|reflection_pad|"
    r"replication_pad|upsample_(bi|tri)?(linear|cubic)|repeat_interleave|resize_$")


class Kernels(TorchDispatchMode):
    """Records the operations of a step; index_put only if it accumulates."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name, kwargs = func.overloadpacket.__name__, kwargs or {}
        if "index_put" not in name or any(args[3:4]) or kwargs.get("accumulate"):
            self.names.add(name)
        return func(*args, **kwargs)


@pytest.mark.parametrize("architecture", ["a1", "a2", "residual"])
@pytest.mark.parametrize("name", NAMES)
def test_steps_use_no_kernel_that_adds_in_a_varying_order(name, architecture, tmp_path):
    """Except cuDNN's, which fp32 asks to be deterministic: steps repeat bit for bit on a GPU."""
    training = made(image_run(name, architecture=architecture, n_train=100), tmp_path, False)
    with Kernels() as seen:
        training.advance()
    assert len(seen.names) > 30
    assert not {kernel for kernel in seen.names if VARYING.search(kernel)}


FLAGS = ((torch.backends.cuda.matmul, "allow_tf32"), (torch.backends.cudnn, "allow_tf32"),
         (torch.backends.cudnn, "deterministic"), (torch.backends.cudnn, "benchmark"))
OF_FP32 = [False, False, True, False]


@pytest.fixture
def flags():
    """The current values of FLAGS; restores them."""
    def read():
        return [getattr(owner, name) for owner, name in FLAGS]

    before = read()
    yield read
    for (owner, name), value in zip(FLAGS, before, strict=True):
        setattr(owner, name, value)


def test_precision_sets_the_flags_of_the_gpu(flags):
    for precision, expected in (("tf32", [True, True, False, False]), ("fp32", OF_FP32),
                                ("bf16", [False] * 4), ("fp32", OF_FP32)):
        torch.backends.cudnn.benchmark = True
        prepare_torch("cpu", precision)
        assert flags() == expected


def test_tf32_run_is_measured_in_fp32(flags, tmp_path, monkeypatch):
    """Its curves during training, and its measures after it."""
    run = image_run("mmd", width=1 / 64, precision="tf32")
    seen = {"trained": [], "measured": []}

    def spy(model):
        seen["measured"].append(flags())
        return MeasureResult({"error": 0.0}, {})

    loss = WAE.loss

    def watched(self, batch):
        seen["trained"].append(flags())
        return loss(self, batch)

    monkeypatch.setitem(MEASURES, "reconstruction", spy)
    monkeypatch.setattr(WAE, "loss", watched)
    curves = (Curve("reconstruction", 8, 1),)
    task = Task(Store(tmp_path / "runs").folder(run.key), curves,
                (Measure("reconstruction", 8),), curves)
    task.folder.write_spec(run, None)
    assert execute(task, Options(tmp_path / "data", "cpu"), StopRequest(), float) == "done"
    assert seen["measured"] == [OF_FP32] * (1 + run.epochs + 1)
    assert seen["trained"] == [[True, True, False, False]] * run.steps


@pytest.mark.parametrize("name", NAMES)
def test_bf16_networks_train_in_bfloat16_with_float32_losses(name, tmp_path):
    training = made(image_run(name, n_train=100, precision="bf16"), tmp_path, False)
    seen, codes = [], []
    for module in training.objective.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    training.objective.encoder.register_forward_hook(
        lambda module, inputs, output: codes.append(output.dtype))
    terms, step = [], []
    loss = training.objective.loss

    def watched(batch):
        found = loss(batch)
        terms.extend(found[0].values())
        step.append(found[1])
        return found

    training.objective.loss = watched
    training.advance()
    assert {*seen} == {torch.bfloat16}
    assert {*codes} <= {torch.float32}
    assert {term.dtype for term in terms} == {step[0].z.dtype} == {torch.float32}
    assert all(p.dtype == torch.float32 for p in training.objective.parameters())
    seen.clear()
    with evaluated(training.objective) as model:
        model.encoder(torch.zeros(2, 3, 32, 32))
    assert {*seen} == {torch.float32}  # measured in single precision, as every other run is


@pytest.mark.parametrize("name", ["moca", "mmd", "gan"])
def test_bf16_run_is_close_to_fp32(name, tmp_path):
    run = image_run(name, n_train=1000, width=1 / 16, epochs=1, lr=1e-4)
    half, whole = (curve(made(replace(run, precision=precision), tmp_path, False), 60)
                   for precision in ("bf16", "fp32"))
    assert np.median(np.abs(half - whole) / np.abs(whole)) < 0.02
    assert (half != whole).any()


def test_pixels_have_finer_steps_than_bfloat16(tmp_path):
    training = made(image_run("mmd", precision="bf16"), tmp_path, False)
    x = training.objective.decoded(torch.nn.functional.normalize(torch.randn(64, 8), dim=1))
    assert x.dtype == torch.float32
    assert (x != x.to(torch.bfloat16).float()).float().mean() > 0.9


def test_precision_changes_the_run_key_and_plain_does_not(place):
    """A bf16 run has another key and is kept apart from full results; the path is only recorded."""
    artefact = ARTEFACTS["fig1-synthetic"]
    own = select(artefact, "smoke", None, None, (), precision="bf16")
    assert {entry.run.precision for entry in own.entries()} == {"bf16"}
    assert not own.custom
    assert own.results(place.results, place.cache).parent == place.cache / "smoke" / "bf16"
    words = ("fig12", "--scale", "smoke", "--cluster", "debug")
    for path, more in (("eager, channels last", ()), ("eager", ("--plain", "--rerun"))):
        done = place.bench(*words, *more)
        assert done.returncode == 0, done.stderr
        folder = place.cache / "smoke" / "fig12-celebahq-reconstructions"
        provenance = json.loads((folder / "provenance.json").read_text())
        runs = [provenance["shared"] | run for run in provenance["runs"].values()]
        assert {run["path"] for run in runs} == {path}
    done = place.bench(*words, "--precision", "bf16")
    assert done.returncode == 0, done.stderr
    rows = read_csv((place.cache / "smoke" / "bf16" / "fig12-celebahq-reconstructions"
                     / "runs.csv").read_text())
    assert {*rows["precision"]} == {"bf16"}


@pytest.mark.parametrize(("words", "message"), [
    (("--precision", "bf61"), "did you mean 'bf16'"), (("--runs-per-gpu", "0"), "at least 1"),
    (("--runs-per-gpu", "2", "--cluster", "debug"), "goes with --cluster local")])
def test_invalid_precision_and_gpu_options_are_named(words, message, capsys, place):
    assert main.main(["fig1", "--scale", "smoke", *words, *place.options]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert message in said[0]
