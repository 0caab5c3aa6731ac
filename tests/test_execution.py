"""What a step costs in kernels, and that every way of executing it computes the same."""

from collections import Counter
from contextlib import contextmanager
import functools
from types import SimpleNamespace

import numpy as np
import pytest
from test_paths import NAMES, curve, image_run, made
from test_training import finish, same
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.harness.train import execution
from benchmarks.harness.train.build import evaluated
from benchmarks.harness.train.execution import Execution
from benchmarks.harness.train.loop import EpochLog
from benchmarks.speed import training_step
from benchmarks.speed.cases import SIZES
from methods import precision
from methods.networks import BatchNorm


class Counted(TorchDispatchMode):
    """Counts what is dispatched, by name: at least one kernel each, but for views and the like."""

    def __init__(self):
        super().__init__()
        self.calls = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls[func.overloadpacket.__name__] += 1
        return func(*args, **kwargs or {})


def by_autocast(network, weights, x):
    """What mixed precision means: the float32 network, every operation's inputs cast for it."""
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        return network(x)


def narrow(name, **changes):
    """A run of A2 at width 1/16, 4 images a step."""
    usual = {"width": 1 / 16, "n_train": 100, "lr": 1e-4, "batch": 4, "n_prior": 4}
    return image_run(name, **usual | changes)


@pytest.mark.parametrize(("name", "steps"), [
    (name, 25 if name in ("moca", "svae") else 3) for name in NAMES])
def test_bf16_has_the_losses_and_gradients_of_autocast(name, steps, tmp_path, monkeypatch):
    run = narrow(name, precision="bf16")
    ours = made(run, tmp_path)
    losses = curve(ours, steps)
    monkeypatch.setattr(precision, "functional_call", by_autocast)
    theirs = made(run, tmp_path)
    np.testing.assert_allclose(losses, curve(theirs, steps), rtol=2e-2)
    theirs.objective.load_state_dict(ours.objective.state_dict())
    found = gradients(theirs)
    monkeypatch.undo()
    for gradient, expected in zip(gradients(ours), found, strict=True):
        assert gradient.dtype == torch.float32
        error = (gradient - expected).norm() / (expected.norm() + 1e-6)
        assert error < 2e-2  # the steps of bfloat16 are 0.4 %


def gradients(training):
    """Of the loss in a fixed batch, by every weight of the networks."""
    torch.manual_seed(0)
    for draws in training.draws.values():
        draws.manual_seed(0)
    training.clock.zero_()
    weights = [p for p in training.objective.parameters() if p.requires_grad]
    loss = training.objective.loss(training.batch())[0]["loss"]
    return torch.autograd.grad(loss, weights, materialize_grads=True)


@pytest.mark.parametrize("name", NAMES)
def test_bf16_run_resumes_bit_for_bit(name, tmp_path):
    run = narrow(name, precision="bf16", n_train=11)  # 2 steps an epoch, 4 in all
    whole = made(run, tmp_path)
    expected = finish(whole)
    resumed = made(run, tmp_path)
    resumed.restore(finish(made(run, tmp_path), stop_at=3))
    assert finish(resumed) == expected
    same(whole.objective.state_dict(), resumed.objective.state_dict())


def calls_of_a_step(run, folder):
    training = made(run, folder)
    training.advance()
    with Counted() as counted:
        training._work()
    return counted.calls


@pytest.mark.parametrize(("name", "architecture"), [("moca", "a2"), ("moca", "a1"), ("svae", "a2")])
def test_bf16_casts_all_weights_of_a_network_at_once(name, architecture, tmp_path):
    """Not one by one: A2 has 62 layers with weights, A1 has 15."""
    mixed, single = (calls_of_a_step(narrow(name, architecture=architecture, precision=precision),
                                     tmp_path) for precision in ("bf16", "fp32"))
    differentiated, others = 2, 1 if name == "moca" else 0
    assert mixed["_foreach_copy_"] == 2 * differentiated + others
    # the image, codes and logits of each network, there and back
    assert mixed["_to_copy"] - single["_to_copy"] <= 4 * differentiated + 2 * others


def test_no_kernel_counts_batches(tmp_path):
    """The counts stay in the state, so that the weights and checkpoints of older runs load."""
    training = made(narrow("moca"), tmp_path)
    norms = [layer for layer in training.objective.modules() if isinstance(layer, BatchNorm)]
    assert len(norms) == 59
    assert not any(type(layer) is nn.BatchNorm2d for layer in training.objective.modules())
    state = training.state()
    counts = [name for name in state["objective"] if name.endswith("num_batches_tracked")]
    assert len(counts) == 59
    for name in counts:
        state["objective"][name] = torch.tensor(7)
    training.restore(state)
    training.advance()
    assert {int(norm.num_batches_tracked) for norm in norms} == {7}


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_is_torchs(training):
    ours, theirs = BatchNorm(5), nn.BatchNorm2d(5)
    with torch.no_grad():
        for value in theirs.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.5, 1.5)
    ours.load_state_dict(theirs.state_dict())
    for norm in (ours.train(training), theirs.train(training)):
        norm.x = torch.randn(4, 5, 3, 3, generator=torch.Generator().manual_seed(0))
        norm.x.requires_grad_()
        norm(norm.x).pow(3).sum().backward()
    assert torch.equal(ours.x.grad, theirs.x.grad)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)
    ours.num_batches_tracked.copy_(theirs.num_batches_tracked)
    same(ours.state_dict(), theirs.state_dict())


def test_learning_rate_is_written_only_when_it_changes(tmp_path):
    optimizers = made(narrow("gan"), tmp_path).optimizers
    rates = {name: torch.tensor(rate) for name, rate in optimizers.rates.items()}  # as on a GPU
    for name, rate in rates.items():
        optimizers.adams[name].param_groups[0]["lr"] = rate
    versions = []
    for factor in (1.0, 1.0, 0.5, 0.5, 0.25):
        optimizers.set_rates(factor)
        versions.append([rate._version for rate in rates.values()])
        for name, rate in rates.items():
            assert float(rate) == pytest.approx(factor * optimizers.rates[name])
    assert versions == [[0, 0], [0, 0], [1, 1], [1, 1], [2, 2]]


@pytest.mark.parametrize("broken", ["loss", "penalty", "adversary"])
@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_first_loss_that_is_not_finite_is_noted(broken, value):
    log = EpochLog("cpu")
    for step in range(5):
        terms = {name: torch.tensor(float(step)) for name in ("loss", "penalty", "adversary")}
        if step >= 2:
            terms[broken] = torch.tensor(value)
        log.add(terms, torch.tensor(step))
        assert int(log.diverged_at) == (2 if step >= 2 else -1)
    assert {name for name, total in log.sums.items() if total == 10} == {*log.sums} - {broken}


def test_compiled_networks_train_as_they_do_uncompiled(tmp_path, monkeypatch):
    """Traced and differentiated by torch.compile; its code generator is left out, for time."""
    calls = []

    def traced(function, dynamic):
        assert dynamic is False
        fast = compile_with(function, dynamic=dynamic)
        return lambda x: calls.append(len(x)) or fast(x)

    compile_with = functools.partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", traced)
    run = image_run("moca", architecture="a1", n_train=100, precision="bf16")
    plain, compiled = made(run, tmp_path), made(run, tmp_path, compiled=True)
    np.testing.assert_allclose(curve(compiled, 5), curve(plain, 5), rtol=1e-4)
    assert compiled.path == "eager, compiled"
    assert calls == [8] * 5 * 3  # encoder, key encoder, decoder
    with evaluated(compiled.objective) as model:
        model.decoder(model.encoder(torch.zeros(3, 3, 32, 32)))
    assert len(calls) == 15  # measures take batches of all sizes


class Streams:
    """Stands in for torch.cuda's streams; records what is launched where, and who waits."""

    def __init__(self):
        self.said, self.current = [], "main"

    def Stream(self):  # noqa: N802 torch's name
        return SimpleNamespace(name="aside", wait_stream=lambda other: self.waits("aside", other))

    def current_stream(self):
        name = self.current
        return SimpleNamespace(name=name, wait_stream=lambda other: self.waits(name, other))

    def waits(self, name, other):
        self.said.append(f"{name} waits for {other.name}")

    @contextmanager
    def stream(self, stream):
        before, self.current = self.current, stream.name
        yield
        self.current = before


def test_key_encoder_runs_beside_the_encoder(tmp_path, monkeypatch):
    """It starts when the batch is there, not when the codes are, and is waited for at the loss."""
    run = narrow("moca")
    plain, forked = made(run, tmp_path), made(run, tmp_path)
    streams, objective = Streams(), forked.objective
    for name in ("encoder", "decoder", "regularizer.key_encoder"):
        objective.get_submodule(name).register_forward_pre_hook(
            lambda *called, name=name: streams.said.append(f"{name} on {streams.current}"))
    monkeypatch.setattr(torch, "cuda", streams)
    inner = objective.regularizer.key_encoder.network
    inner.register_forward_pre_hook(
        lambda *called: streams.said.append(f"keys on {streams.current}"))
    forked.begin_step = Execution(forked=True).prepare(objective, "cuda:0")
    forked.advance()
    assert streams.said == [
        "aside waits for main", "encoder on main", "regularizer.key_encoder on main",
        "keys on aside", "main waits for aside", "decoder on main"]
    plain.advance()
    same(plain.objective.state_dict(), objective.state_dict())


@pytest.mark.parametrize("name", ["mmd", "svae", "moca"])
def test_nothing_is_forked_without_a_second_encoder_or_a_gpu(name, tmp_path, monkeypatch):
    training = made(narrow(name), tmp_path)
    monkeypatch.setattr(execution, "fork", lambda encoders: encoders)
    found = [Execution(forked=True).prepare(training.objective, device)
             for device in ("cpu", "cuda:1")]
    regularizer = training.objective.regularizer
    assert callable(found[0])
    assert callable(found[1]) if name != "moca" else found[1] == [regularizer.key_encoder]


def test_execution_is_named_for_provenance(tmp_path):
    run = image_run("mmd", width=1 / 8)
    ways = {"eager, channels last": {}, "eager": {"channels_last": False},
            "eager, channels last, forked": {"forked": True}}
    assert {path: made(run, tmp_path, **way).path for path, way in ways.items()} == {
        path: path for path in ways}
    assert made(run, tmp_path, plain=True).path == "eager"
    assert made(run, tmp_path, plain=True, channels_last=True).path == "eager, channels last"


def test_every_execution_is_a_case_of_the_speed_command(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, dynamic: function)
    cases = training_step.executions(SIZES["smoke"], "cpu")
    assert [case.who for case in cases] == list(training_step.EXECUTIONS)
    assert len({case.what for case in cases}) == 1
    cases[0].call()
