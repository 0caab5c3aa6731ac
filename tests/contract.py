"""Checks that every regularizer must pass and a defective one fails."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.harness.spec.hyperparameters import complete, resolve
from benchmarks.harness.spec.run import Run
from benchmarks.harness.train.build import regularizer_class
from methods import METHODS
from methods.base import Context, Regularizer, Step
from methods.networks import Encoder
from methods.priors import PRIORS

DIM, BATCH, INPUTS = 8, 32, 12
SMALL = {"moca": {"K": 64}, "repulsion": {"K": 64}, "sinkhorn": {"scaling": 0.95},
         "gan": {"hidden": 32, "layers": 2},
         "mmd[memory]": {"memory": 64, "m0": 0.9}, "swd[memory]": {"memory": 64}}
WITH_MEMORY = ("mmd[memory]", "swd[memory]")  # of a momentum encoder; of the encoder
CASES = (*METHODS, *WITH_MEMORY)


def method_of(name):
    """The method of a case: mmd of mmd[memory]."""
    return name.partition("[")[0]


def run_of(name):
    run = Run("synthetic-normal", 64, "mlp2", "", (), "", dim=DIM, epochs=1, batch=BATCH)
    return resolve(run, method_of(name), SMALL.get(name, {}))


def hyper(name):
    return complete(run_of(name))


@cache
def kind_of(name):
    return regularizer_class(run_of(name), Path("unused"))


def generator(seed):
    return torch.Generator().manual_seed(seed)


def build(kind, name, prior="sphere"):
    """A regularizer in float64 with a fixed encoder, and the context it was given."""
    torch.manual_seed(0)
    law = PRIORS[prior](DIM)
    encoder = Encoder(nn.Linear(INPUTS, DIM), law).double()
    context = Context(encoder, DIM, 64, law, generator(1))
    return kind(context, **hyper(name)).double(), context


def step_for(context, z=None, prior=None):
    """A step on fixed data, with the encoder's own codes and sphere draws unless given."""
    x = torch.randn(BATCH, INPUTS, generator=generator(2), dtype=torch.float64)
    z = context.encoder(x) if z is None else z
    draws = context.prior.sample(BATCH, generator(3)).double() if prior is None else prior
    return Step(context.encoder, x, torch.arange(BATCH), z, draws, torch.tensor(0.25))


def penalty_at(regularizer, context, step):
    """The penalty with the method's own draws fixed, so that it is a function of the step."""
    context.generator.manual_seed(5)
    return regularizer.penalty(step)


def check_gradient(kind: type[Regularizer], name: str) -> None:
    """The gradient in z equals that of the penalty's value: no part of it is detached."""
    regularizer, context = build(kind, name)
    z = step_for(context).z.detach().requires_grad_()
    value = penalty_at(regularizer, context, step_for(context, z))
    assert value.shape == ()
    assert value.isfinite()
    (gradient,) = torch.autograd.grad(value, z)
    direction = torch.randn(z.shape, generator=generator(4), dtype=z.dtype)
    h = 1e-5
    with torch.no_grad():
        ahead, behind = (penalty_at(regularizer, context, step_for(context, z + s * h * direction))
                         for s in (1, -1))
    slope = (ahead - behind) / (2 * h)
    # geomloss's envelope gradient is exact at convergence only
    torch.testing.assert_close((gradient * direction).sum(), slope, rtol=2e-2, atol=1e-6)


def train_critic(regularizer, step, steps):
    """Fits the adversary, if there is one, to the step's codes and draws."""
    if rival := regularizer.adversary():
        critic = torch.optim.Adam(rival.parameters(), lr=0.01)
        for _ in range(steps):
            critic.zero_grad()
            regularizer.adversary_loss(step).backward()
            critic.step()


def check_spreads(kind: type[Regularizer], name: str) -> None:
    """Training an encoder whose codes start in a narrow cap spreads them over the sphere."""
    regularizer, context = build(kind, name)
    x = torch.randn(BATCH, INPUTS, generator=generator(6), dtype=torch.float64)
    x = 0.5 * x + 3 * torch.eye(INPUTS, dtype=torch.float64)[0]
    before = context.encoder(x).mean(0).norm()  # 1 for a point mass, 1/sqrt(BATCH) for uniform
    optimizer = torch.optim.Adam(context.encoder.parameters(), lr=0.02)
    for seed in range(80):
        draws = context.prior.sample(BATCH, generator(100 + seed)).double()
        step = replace(step_for(context, context.encoder(x), draws), x=x)
        optimizer.zero_grad()
        penalty_at(regularizer, context, step).backward()
        optimizer.step()
        regularizer.after_step(step)
        train_critic(regularizer, step, 3)
    assert context.encoder(x).mean(0).norm() < 0.6 * before


# they know the prior's law and look at none of its draws
CLOSED_FORM = {"sigreg", "moments"}


def check_follows_prior(kind: type[Regularizer], name: str) -> None:
    """Codes are pulled towards the prior, or the method refuses such a prior."""
    try:
        build(kind, name, "gaussian")
    except ValueError:
        return
    (pulled_to_the_law if name in CLOSED_FORM else pulled_to_the_draws)(kind, name)


def pulled_to_the_law(kind, name):
    """Codes that are too far out are pulled in, and others out."""
    for scale in (0.5, 2.0):
        regularizer, context = build(kind, name, "gaussian")
        z = scale * torch.randn(BATCH, DIM, generator=generator(7), dtype=torch.float64)
        step = step_for(context, z.requires_grad_())
        (gradient,) = torch.autograd.grad(penalty_at(regularizer, context, step), z)
        assert (gradient * z).sum() * (scale - 1) > 0


def pulled_to_the_draws(kind, name):
    """To either side."""
    for side in (1.0, -1.0):
        regularizer, context = build(kind, name, "gaussian")
        draws = torch.randn(BATCH, DIM, generator=generator(7), dtype=torch.float64)
        z = torch.randn(BATCH, DIM, generator=generator(8), dtype=torch.float64).requires_grad_()
        away = torch.zeros(DIM, dtype=torch.float64)
        away[0] = 2 * side
        step = step_for(context, z, draws + away)
        train_critic(regularizer, replace(step, encoder=nn.Identity(), x=z.detach()), 50)
        (gradient,) = torch.autograd.grad(penalty_at(regularizer, context, step), z)
        assert -gradient.mean(0) @ away > 0


def check_permutation(kind: type[Regularizer], name: str) -> None:
    """The order of the batch does not matter."""
    regularizer, context = build(kind, name)
    step = step_for(context)
    order = torch.randperm(BATCH, generator=generator(9))
    turned = replace(step, x=step.x[order], index=step.index[order], z=step.z[order])
    values = [penalty_at(regularizer, context, each) for each in (step, turned)]
    torch.testing.assert_close(*values, rtol=1e-6, atol=1e-9)


def check_side_effects(kind: type[Regularizer], name: str) -> None:
    """A step leaves torch's global generator and the gradient mode as they were."""
    regularizer, context = build(kind, name)
    state = torch.get_rng_state()
    with torch.no_grad():
        step = step_for(context)
        regularizer.penalty(step)
        assert not torch.is_grad_enabled()
    regularizer.after_step(step)
    assert torch.equal(state, torch.get_rng_state())


class NoHostReads(TorchDispatchMode):
    """Raises where a tensor's value is read back: on a GPU that waits, and breaks graph capture."""

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        assert function is not torch.ops.aten._local_scalar_dense.default, "read back to the host"
        return function(*arguments, **(named or {}))


def check_stays_on_the_device(kind: type[Regularizer], name: str) -> None:
    """Nothing in a step depends on values of tensors: no branch, no `.item()`."""
    regularizer, context = build(kind, name)
    step = step_for(context)
    with NoHostReads():
        regularizer.penalty(step)
        regularizer.after_step(step)
        if regularizer.adversary():
            regularizer.adversary_loss(step)


def check_hyper(kind: type[Regularizer], name: str) -> None:
    """The registry's hyper-parameters are the class's, and a misspelt one is an error."""
    context = build(kind, name)[1]
    with pytest.raises(TypeError):
        kind(context, **hyper(name), no_such_thing=1)
    for key in METHODS[method_of(name)].hyper:
        with pytest.raises(TypeError):
            kind(context, **{k: v for k, v in hyper(name).items() if k != key})


CHECKS = (check_gradient, check_spreads, check_follows_prior, check_permutation,
          check_side_effects, check_stays_on_the_device, check_hyper)
