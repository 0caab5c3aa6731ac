"""The ways a step is executed: the fast path against the plain one, mixed precision, graphs."""

from contextlib import contextmanager
from dataclasses import replace
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
from test_training import IMAGES, SMALL, finish, run_of, training_of
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import ARTEFACTS
from benchmarks.harness.command import main
from benchmarks.harness.command.arguments import check_values, parser
from benchmarks.harness.data.datasets import points
from benchmarks.harness.results.rows import read_csv
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.selection import select
from benchmarks.harness.store.processors import cores
from benchmarks.harness.train import device
from benchmarks.harness.train.build import evaluated, layout
from benchmarks.harness.train.cuda_graph import WARM_UP, CudaGraphStep
from benchmarks.harness.train.curves import TrainingSetup
from benchmarks.harness.train.device import prepare_torch
from benchmarks.harness.train.loop import Trainer
from methods import METHODS

NAMES = [*METHODS, "svae"]


def image_run(name, **changes):
    changes = ({"objective": "svae"} if name == "svae" else {}) | changes
    hyper = dict(SMALL.get(name, {}))
    if "K" in hyper:
        hyper["K"] += changes.get("batch", 0)
    return resolve(replace(IMAGES, **{"architecture": "a2"} | changes), name, hyper)


def made(run, folder, plain):
    data = points(run, "train", run.n_train, folder).x
    return Trainer(TrainingSetup(run, data, folder, "cpu"), (), folder / "method.py", plain)


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


@pytest.mark.parametrize("name", NAMES)
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
    assert layout(narrow, "cuda:0") is torch.channels_last
    assert layout(replace(narrow, architecture="residual"), "cpu") is torch.channels_last


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


@pytest.mark.parametrize("name", METHODS)
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
    """Stands in for torch.cuda while capturing; records the calls."""

    def __init__(self, fails=""):
        self.said, self.fails = [], fails
        self.Stream = lambda: SimpleNamespace(wait_stream=lambda other: None)
        self.current_stream = self.Stream

    @contextmanager
    def stream(self, stream):
        self.said.append("aside")
        yield

    @contextmanager
    def graph(self, graph, stream):
        self.said.append("capture")
        yield
        if self.fails:
            raise RuntimeError(self.fails)

    def CUDAGraph(self):  # noqa: N802 torch's name
        return SimpleNamespace(replay=lambda: self.said.append("replay"),
                               register_generator_state=lambda draws: self.said.append(draws))


def test_graph_is_captured_after_warm_up_and_then_replayed(monkeypatch):
    fake, draws = FakeCuda(), torch.Generator()
    monkeypatch.setattr(torch, "cuda", fake)
    execute = CudaGraphStep(lambda: fake.said.append("step"), [draws], "moca", dict)
    for _ in range(WARM_UP + 2):
        execute()
    assert fake.said == [*["aside", "step"] * WARM_UP, draws, "capture", "step", "replay", "replay"]


def test_failed_capture_says_what_to_do(monkeypatch):
    monkeypatch.setattr(torch, "cuda", FakeCuda("operation not permitted"))
    execute = CudaGraphStep(lambda: None, [], "mine", dict)
    for _ in range(WARM_UP):
        execute()
    with pytest.raises(RuntimeError, match=r"mine cannot be captured .*not permitted.*--plain"):
        execute()


def test_captured_step_that_rebinds_its_tensors_is_refused(monkeypatch):
    """A graph would keep reading the tensor it was captured with."""
    monkeypatch.setattr(torch, "cuda", FakeCuda())
    places = {"regularizer.mean": 1}

    def rebind():
        places["regularizer.mean"] += 1

    execute = CudaGraphStep(rebind, [], "mine", lambda: dict(places))
    for _ in range(WARM_UP):
        execute()
    with pytest.raises(RuntimeError, match=r"regularizer\.mean is another tensor"):
        execute()


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
def test_bf16_run_is_close_to_fp32_and_resumes_bit_for_bit(name, tmp_path):
    run = image_run(name, n_train=1000, width=1 / 16, epochs=1, lr=1e-4)
    half, whole = (curve(made(replace(run, precision=precision), tmp_path, False), 60)
                   for precision in ("bf16", "fp32"))
    assert np.median(np.abs(half - whole) / np.abs(whole)) < 0.02
    assert (half != whole).any()
    short = replace(image_run(name), precision="bf16")
    expected = finish(training_of(short, tmp_path))
    resumed = training_of(short, tmp_path)
    resumed.restore(finish(training_of(short, tmp_path), stop_at=3))
    assert finish(resumed) == expected


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


def jobs_for(words):
    """How many processes the command would use."""
    options = parser(main.COMMANDS).parse_args(words)
    check_values(options, main.COMMANDS)
    return options.jobs


def test_workers_are_spread_over_the_gpus_in_turn(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    assert device.visible_gpus() == 2
    assert [device.device_of_worker("auto", k) for k in range(4)] == ["auto:0", "auto:1"] * 2
    assert prepare_torch("auto:1", "fp32") == "cpu"  # a driver alone is not a usable GPU
    assert [device.device_of_worker("cuda", k) for k in range(2)] == ["cuda:0", "cuda:1"]
    assert device.device_of_worker("cpu", 1) == "cpu"
    assert device.device_of_worker("cuda:1", 0) == "cuda:1"
    assert jobs_for(["fig1", "--runs-per-gpu", "3"]) == 6
    assert jobs_for(["fig1", "--device", "cuda:1", "--runs-per-gpu", "3"]) == 3
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert (device.visible_gpus(), device.device_of_worker("auto", 3)) == (0, "auto")
    assert jobs_for(["fig1", "--runs-per-gpu", "3"]) == cores()


def test_gpus_are_counted_by_their_device_nodes(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(device, "DEVICE_FILES", tmp_path)
    assert device.visible_gpus() == 0
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert device.visible_gpus() == 2


def test_multi_process_service_runs_as_long_as_the_sweep(monkeypatch, tmp_path):
    """Uses a stand-in for the service's program that records its calls."""
    calls = tmp_path / "calls"
    program = tmp_path / device.CONTROL
    program.write_text(f'#!/bin/sh\necho "$@ $CUDA_MPS_PIPE_DIRECTORY" >> {calls}\n'
                       f'[ "$1" = -d ] || cat >> {calls}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_MPS_PIPE_DIRECTORY", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with device.shared_gpus(2):
        folder = os.environ["CUDA_MPS_PIPE_DIRECTORY"]
        assert calls.read_text() == f"-d {folder}\n"
        with device.shared_gpus(2):  # somebody else has started it
            assert os.environ["CUDA_MPS_PIPE_DIRECTORY"] == folder
    assert calls.read_text() == f"-d {folder}\n {folder}\nquit\n"
    assert "CUDA_MPS_PIPE_DIRECTORY" not in os.environ
    for runs, visible in ((1, "0"), (2, "")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        with device.shared_gpus(runs):
            assert "CUDA_MPS_PIPE_DIRECTORY" not in os.environ
