"""MMD and SWD with a memory: as longer batches, beside MoCA's queue, and in a run's key."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.hyperparameters import complete, resolve
from benchmarks.harness.spec.run import Run
from methods.base import Context, Step
from methods.contrastive import Contrastive
from methods.memory import next_slots
from methods.mmd import MMD, imq_mmd, kernel_sum
from methods.networks import Encoder
from methods.priors import PRIORS, Sphere
from methods.swd import SlicedWasserstein, directions, sliced_w2_squared

DIM, BATCH, INPUTS = 6, 8, 10
RUN = Run("synthetic-normal", 1000, "mlp2", "", (), "", dim=128, epochs=80, batch=64)


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def made(kind, memory, m0=0.0, prior="sphere", **hyper):
    """The method and its encoder, in float64."""
    torch.manual_seed(0)
    law = PRIORS[prior](DIM)
    encoder = Encoder(nn.Linear(INPUTS, DIM), law).double()
    context = Context(encoder, DIM, 100, law, generator())
    return kind(context, memory=memory, m0=m0, **hyper).double(), encoder


def step(encoder, seed, progress=0.0, n=BATCH):
    x = torch.randn(n, INPUTS, generator=generator(10 + seed), dtype=torch.float64)
    prior = encoder.prior.sample(n, generator(50 + seed)).double()
    return Step(encoder, x, torch.arange(n), encoder(x), prior, torch.tensor(progress))


def trained(method, encoder, steps, n=BATCH):
    """The steps after which the method has remembered their codes; the encoder moves between."""
    found = []
    for k in range(steps):
        found.append(step(encoder, k, k / 20, n))
        method.penalty(found[-1])
        with torch.no_grad():
            for weight in encoder.parameters():
                weight.add_(0.1 * torch.randn(weight.shape, generator=generator(k)))
        method.after_step(found[-1])
    return found


def slopes(value, z):
    return torch.autograd.grad(value, z)[0]


@pytest.mark.parametrize("prior", PRIORS)
def test_mmd_with_a_memory_of_one_batch_is_that_of_two_batches(prior):
    method, encoder = made(MMD, BATCH, prior=prior)
    first, = trained(method, encoder, 1)
    now = step(encoder, 1)
    value = method.penalty(now)
    oracle = imq_mmd(torch.cat([now.z, first.z.detach()]), now.prior, method.base)
    torch.testing.assert_close(value, oracle, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(slopes(value, now.z), slopes(oracle, now.z))


@pytest.mark.parametrize("prior", PRIORS)
def test_swd_with_a_memory_of_one_batch_is_that_of_two_batches(prior):
    method, encoder = made(SlicedWasserstein, BATCH, prior=prior, projections=20)
    first, = trained(method, encoder, 1)
    now, draws = step(encoder, 1), generator(3)
    method.generator.manual_seed(3)
    value = method.penalty(now)
    projections = directions(20, DIM, draws).double()
    further = encoder.prior.sample(BATCH, draws).double()
    oracle = sliced_w2_squared(torch.cat([now.z, first.z.detach()]),
                               torch.cat([now.prior, further]), projections)
    torch.testing.assert_close(value, oracle)
    torch.testing.assert_close(slopes(value, now.z), slopes(oracle, now.z))


def test_without_a_memory_nothing_is_kept_and_nothing_else_is_computed():
    mmd, encoder = made(MMD, 0)
    swd, _ = made(SlicedWasserstein, 0, projections=20)
    for method in (mmd, swd):
        trained(method, encoder, 2)
        assert not method.state_dict()
    now = step(encoder, 2)
    assert torch.equal(mmd.penalty(now), imq_mmd(now.z, now.prior, mmd.base))
    swd.generator.manual_seed(3)
    oracle = sliced_w2_squared(now.z, now.prior, directions(20, DIM, generator(3)).double())
    assert torch.equal(swd.penalty(now), oracle)


@pytest.mark.parametrize("m0", [0.0, 0.9])
def test_kernels_within_a_memory_are_those_of_its_codes(m0):
    """K = 20 is not a multiple of B = 8: over five turns of the ring."""
    method, encoder = made(MMD, 20, m0)
    trained(method, encoder, 13)
    codes = method.memory.codes
    torch.testing.assert_close(method.within, kernel_sum(codes, codes, method.base), rtol=1e-12,
                               atol=0)
    now = step(encoder, 13)
    torch.testing.assert_close(
        method.penalty(now), imq_mmd(torch.cat([now.z, codes]), now.prior, method.base),
        rtol=1e-9, atol=1e-12)


def test_in_single_precision_the_kernels_within_do_not_drift():
    method, _ = made(MMD, 100)
    method.float()
    method.within = method.within.double()
    encoder = nn.Identity()
    for k in range(200):
        z = normalize(torch.randn(32, DIM, generator=generator(k)) + 0.5, dim=1)
        method.after_step(Step(encoder, z, torch.arange(32), z, z, torch.tensor(0.0)))
    exact = kernel_sum(method.memory.codes, method.memory.codes, method.base)
    # a millionth of the smallest distance between laws that a batch can show
    assert float(abs(method.within - exact)) / 100**2 < 1e-6


def test_memory_begins_with_prior_draws_and_drops_the_oldest():
    method, encoder = made(SlicedWasserstein, 20, projections=5)
    expected = [*Sphere(DIM).sample(20, generator()).double()]
    torch.testing.assert_close(method.memory.codes, torch.stack(expected))
    place = 0
    for now in trained(method, encoder, 7):
        for code in now.z.detach():
            expected[place] = code
            place = (place + 1) % 20
    assert torch.equal(method.memory.codes, torch.stack(expected))
    assert int(method.memory.pointer) == place


@pytest.mark.parametrize("kind", [MMD, SlicedWasserstein])
def test_with_m0_it_is_mocas_queue(kind):
    hyper = {"projections": 5} if kind is SlicedWasserstein else {}
    method, encoder = made(kind, 20, 0.9, **hyper)
    torch.manual_seed(0)
    twin = Encoder(nn.Linear(INPUTS, DIM), Sphere(DIM)).double()
    moca = Contrastive(Context(twin, DIM, 100, Sphere(DIM), generator()), tau=0.1, K=20, m0=0.9,
                       mask_self=False, decoupled=False).double()
    trained(method, encoder, 7)
    trained(moca, twin, 7)
    assert torch.equal(method.memory.codes, moca.queue)
    pairs = zip(method.memory.key_encoder.parameters(), moca.key_encoder.parameters(),
                encoder.parameters(), strict=True)
    for key, mocas, query in pairs:
        assert torch.equal(key, mocas)
        assert not torch.equal(key, query)
        assert not key.requires_grad
    own = made(kind, 20, **hyper)[0]
    assert own.memory.key_encoder is None


def test_gradient_reaches_the_batch_alone():
    method, encoder = made(MMD, 20, 0.9)
    trained(method, encoder, 3)
    method.penalty(step(encoder, 3)).backward()
    assert all(weight.grad is not None for weight in encoder.parameters())
    assert all(weight.grad is None for weight in method.parameters())
    assert not method.memory.codes.requires_grad


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that is made."""

    size = 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        found = function(*arguments, **(named or {}))
        if isinstance(found, torch.Tensor):
            self.size = max(self.size, found.numel())
        return found


def test_step_of_mmd_takes_no_more_than_batch_times_memory():
    """With MoCA's 30,000 keys an array of all pairs of them would be 4 GB."""
    method, encoder = made(MMD, 500)
    with Largest() as largest:
        now = step(encoder, 0)
        method.penalty(now).backward()
        method.after_step(now)
    assert largest.size == BATCH * 500


def test_memory_shorter_than_a_batch_is_refused():
    with pytest.raises(ValueError, match=r"a memory of 7 is shorter than a batch \(8\)"):
        next_slots(torch.tensor(0), 8, 7)
    for method in ("mmd", "swd"):
        with pytest.raises(UsageError, match=f"{method}:memory=63 is below batch = 64"):
            resolve(RUN, method, {"memory": 63})
        with pytest.raises(UsageError, match=f"{method}:memory must be at least 0, not -1|below"):
            resolve(RUN, method, {"memory": -1})
        with pytest.raises(UsageError, match=f"{method}:m0=0.9 does nothing without memory"):
            resolve(RUN, method, {"m0": 0.9})
    with pytest.raises(UsageError, match="moca:K must be positive, not 0"):
        resolve(RUN, "moca", {"K": 0})


# golden values: if one changes, every stored and committed run has lost its address
KEYS = {"mmd": "ceeb84a504dc5a2b", "swd": "cd1cde3da52abc2e"}


@pytest.mark.parametrize("method", KEYS)
def test_runs_from_before_there_was_a_memory_keep_their_keys(method):
    run = resolve(RUN, method, {})
    assert run.key == KEYS[method]
    assert resolve(RUN, method, {"memory": 0, "m0": 0}) == run
    assert {"memory", "m0"}.isdisjoint(dict(run.hyper))
    assert complete(run)["memory"] == 0
    longer = resolve(RUN, method, {"memory": 1000})
    assert dict(longer.hyper)["memory"] == 1000
    assert len({run.key, longer.key, resolve(RUN, method, {"memory": 1000, "m0": 0.9}).key}) == 3
    assert complete(Run.from_fields(longer.fields())) == complete(longer)
    assert replace(longer, seed=1).key != longer.key
