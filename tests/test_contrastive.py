"""Algorithm 1 against its equations: loss, momentum, queue, own keys."""

from dataclasses import replace
from math import exp, log

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize
from torch.utils._python_dispatch import TorchDispatchMode

from methods.base import Context, Step
from methods.contrastive import (
    Contrastive,
    Repulsion,
    _LogSumExp,
    contrastive_loss,
)
from methods.memory import cosine_momentum, move_towards
from methods.networks import Encoder
from methods.priors import Gaussian, Sphere

DIM, BATCH = 6, 4


def unit(n, seed):
    draws = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(n, DIM, generator=draws, dtype=torch.float64), dim=1)


def moca(K=10, encoder=None, **hyper):
    torch.manual_seed(0)
    encoder = encoder or Encoder(nn.Linear(DIM, DIM), Sphere(DIM))
    settings = {"tau": 0.1, "m0": 0.9, "mask_self": False, "decoupled": False} | hyper
    context = Context(encoder, DIM, 100, Sphere(DIM), torch.Generator().manual_seed(1))
    return Contrastive(context, K=K, **settings), encoder


def step(encoder, x, index=None, progress=0.0):
    index = torch.arange(len(x)) if index is None else index
    return Step(encoder, x, index, encoder(x), torch.empty(0), torch.tensor(progress))


@pytest.mark.parametrize("tau", [0.05, 0.1, 1.0])
def test_loss_equals_algorithm_1(tau):
    q, k, queue = unit(BATCH, 0), unit(BATCH, 1), unit(20, 2)
    logits = torch.cat([torch.einsum("bd,bd->b", q, k)[:, None], q @ queue.T], dim=1)
    expected = cross_entropy(logits / tau, torch.zeros(BATCH, dtype=torch.long))
    torch.testing.assert_close(contrastive_loss(q, k, queue, tau, None, False), expected)


@pytest.mark.parametrize("masked", [False, True])
def test_sum_over_keys_and_its_gradient_equal_torch(masked):
    q, keys = (unit(BATCH, 0) / 0.05).requires_grad_(), unit(20, 2)
    own = torch.zeros(BATCH, 20, dtype=torch.bool)
    own[1, 3] = own[2, 5:9] = masked
    value = _LogSumExp.apply(q, keys, own if masked else None)
    expected = (q @ keys.T).masked_fill(own, -torch.inf).logsumexp(1)
    torch.testing.assert_close(value, expected)
    weights = torch.linspace(-1, 2, BATCH, dtype=torch.float64)
    (slope,) = torch.autograd.grad(value @ weights, q)
    torch.testing.assert_close(slope, torch.autograd.grad(expected @ weights, q)[0])


@pytest.mark.parametrize("tau", [0.05, 1.0])
def test_loss_equals_equation_6_plus_log_k(tau):
    """Eq. 6 has the current keys among its K: with one query, Algorithm 1's 1 + (K-1) terms."""
    q, k, queue, K = unit(1, 0), unit(1, 1), unit(19, 2), 20
    every = torch.cat([k, queue])
    equation_6 = torch.log(torch.exp(q @ every.T / tau).mean()) - (q @ k.T).squeeze() / tau
    loss = contrastive_loss(q, k, queue, tau, None, False)
    torch.testing.assert_close(loss, equation_6 + log(K))


def test_decoupled_loss_leaves_the_positive_out():
    q, k, queue, tau = unit(BATCH, 0), unit(BATCH, 1), unit(20, 2), 0.2
    expected = torch.log(torch.exp(q @ queue.T / tau).sum(1)) - (q * k).sum(1) / tau
    torch.testing.assert_close(
        contrastive_loss(q, k, queue, tau, None, True), expected.mean())


def test_decoupled_option_switches_decoupling_on():
    x, losses = torch.randn(BATCH, DIM), []
    for decoupled in (False, True):
        method, encoder = moca(decoupled=decoupled)
        now = step(encoder, x)
        with torch.no_grad():
            keys = method.key_encoder(x)
        losses.append(method.penalty(now))
        torch.testing.assert_close(
            losses[-1], contrastive_loss(now.z, keys, method.queue, 0.1, None, decoupled))
    assert float((losses[0] - losses[1]).detach()) > 0.1


def test_masked_keys_are_not_negatives():
    q, k, queue = unit(BATCH, 0), unit(BATCH, 1), unit(20, 2)
    own = torch.zeros(BATCH, 20, dtype=torch.bool)
    own[:, :5] = True
    torch.testing.assert_close(contrastive_loss(q, k, queue, 0.1, own, False),
                               contrastive_loss(q, k, queue[5:], 0.1, None, False))


def test_own_keys_are_masked_by_sample_index():
    masked, encoder = moca(K=8, mask_self=True)
    x = torch.randn(BATCH, DIM)
    seen = step(encoder, x, torch.tensor([7, 8, 9, 10]))
    masked.penalty(seen)
    masked.after_step(seen)
    again = step(encoder, x, torch.tensor([8, 1, 2, 3]))
    stale = masked.owner == again.index[:, None]
    assert stale.nonzero().tolist() == [[0, 1]]
    with torch.no_grad():
        keys = masked.key_encoder(x)
    expected = contrastive_loss(again.z, keys, masked.queue, 0.1, stale, False)
    torch.testing.assert_close(masked.penalty(again), expected)


def test_queue_drops_the_oldest_keys_first():
    """K = 10 is not a multiple of B = 4: against a plain list, over three turns of the ring."""
    method, encoder = moca(K=10)
    expected = [row.clone() for row in method.queue]
    owners, pointer = [-1] * 10, 0
    torch.testing.assert_close(method.queue.norm(dim=1), torch.ones(10))
    for turn in range(8):
        now = step(encoder, torch.randn(BATCH, DIM), torch.arange(BATCH) + 10 * turn)
        method.penalty(now)
        keys = method.key_encoder(now.x).detach()  # keys of the key encoder before its update
        method.after_step(now)
        for key, owner in zip(keys, now.index.tolist(), strict=True):
            expected[pointer], owners[pointer] = key, owner
            pointer = (pointer + 1) % 10
    torch.testing.assert_close(method.queue, torch.stack(expected))
    assert method.owner.tolist() == owners
    assert int(method.pointer) == pointer


def test_batch_longer_than_the_queue_is_refused():
    method, encoder = moca(K=3)
    with pytest.raises(ValueError, match="K >= B"):
        method.penalty(step(encoder, torch.randn(BATCH, DIM)))


def test_gaussian_prior_is_refused():
    encoder = nn.Linear(DIM, DIM)
    context = Context(encoder, DIM, 100, Gaussian(DIM), torch.Generator())
    with pytest.raises(ValueError, match="sphere"):
        Contrastive(context, tau=0.1, K=10, m0=0.9, mask_self=False, decoupled=False)


@pytest.mark.parametrize("m0", [0.0, 0.9, 0.999])
def test_momentum_rises_from_m0_to_one(m0):
    ends = cosine_momentum(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64), m0)
    torch.testing.assert_close(ends, torch.tensor([m0, (1 + m0) / 2, 1], dtype=torch.float64))


@pytest.mark.parametrize("share", [0.0, 1e-6, 0.01, 0.5, 0.7, 1.0])
def test_keys_move_by_a_share_of_their_way(share):
    draws = torch.Generator().manual_seed(0)
    keys, queries = ([torch.randn(n, 3, generator=draws) for n in (1, 4, 9)] for _ in range(2))
    expected = [key.double().lerp(query.double(), share)
                for key, query in zip(keys, queries, strict=True)]
    move_towards(keys, queries, torch.tensor(share))
    for key, exact in zip(keys, expected, strict=True):
        torch.testing.assert_close(key.double(), exact, rtol=1e-6, atol=3e-7)


class Counted(TorchDispatchMode):
    """Lists the operations on lists of tensors."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__.startswith("_foreach"):
            self.calls.append(str(func))
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("layers", [1, 30])
def test_momentum_update_has_three_kernels_for_any_number_of_layers(layers):
    """Anywhere but on a processor, in forms of which torch has one kernel for all tensors."""
    network = nn.Sequential(*(nn.Linear(DIM, DIM) for _ in range(layers)))
    method, encoder = moca(encoder=Encoder(network, Sphere(DIM)))
    now = step(encoder.to("meta"), torch.randn(BATCH, DIM, device="meta"))
    method.to("meta").keys = now.z
    now = replace(now, progress=now.progress.to("meta"), index=now.index.to("meta"))
    with Counted() as counted:
        method.after_step(now)
    assert counted.calls == [
        "aten._foreach_sub.List", "aten._foreach_mul_.Tensor", "aten._foreach_add_.List"]


def test_key_encoder_averages_parameters_but_not_batch_norm_buffers():
    network = nn.Sequential(nn.Linear(DIM, DIM), nn.BatchNorm1d(DIM))
    method, encoder = moca(encoder=Encoder(network, Sphere(DIM)), m0=0.9)
    before = [p.clone() for p in method.key_encoder.parameters()]
    with torch.no_grad():
        for p in encoder.parameters():
            p.add_(1.0)
    x = torch.randn(BATCH, DIM) + 3
    now = step(encoder, x)
    method.penalty(now)
    own_statistics = method.key_encoder.network[1].running_mean.clone()
    method.after_step(now)
    for old, key, query in zip(before, method.key_encoder.parameters(), encoder.parameters(),
                               strict=True):
        torch.testing.assert_close(key, 0.9 * old + 0.1 * query)
        assert not key.requires_grad
    assert method.key_encoder.training
    assert torch.equal(own_statistics, method.key_encoder.network[1].running_mean)
    assert not torch.equal(own_statistics, encoder.network[1].running_mean)


def test_gradient_reaches_only_the_query():
    method, encoder = moca()
    method.penalty(step(encoder, torch.randn(BATCH, DIM))).backward()
    assert all(p.grad is not None for p in encoder.parameters())
    assert all(p.grad is None for p in method.key_encoder.parameters())
    assert not method.queue.requires_grad


def test_repulsion_uses_past_keys_only():
    """Eq. 6's first term over the queue, by a loop; the query's own key has no part in it."""
    full, encoder = moca(K=10)
    context = Context(encoder, DIM, 100, Sphere(DIM), torch.Generator().manual_seed(1))
    alone = Repulsion(context, tau=0.1, K=10, m0=0.9)
    torch.testing.assert_close(alone.queue, full.queue)
    now = step(encoder, torch.randn(BATCH, DIM))
    sums = [log(sum(exp(z.detach() @ key / 0.1) for key in alone.queue) / 10)
            for z in now.z]
    assert alone.penalty(now).item() == pytest.approx(sum(sums) / BATCH, rel=1e-4)
    alone.after_step(now)
    torch.testing.assert_close(alone.queue[:BATCH], alone.keys)  # the queue is updated as MoCA's
