"""Every registered method passes every check; every planted defect fails at least one."""

from dataclasses import replace

from contract import (
    BATCH,
    CASES,
    CHECKS,
    DIM,
    SMALL,
    build,
    check_follows_prior,
    check_gradient,
    check_spreads,
    check_stays_on_the_device,
    generator,
    kind_of,
)
import pytest
import torch

from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from methods import METHODS
from methods.priors import PRIORS, Sphere

# they spread codes on the sphere and see no prior draws
PAIRWISE_ONLY = {name for name, method in METHODS.items() if "gaussian" not in method.priors}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", CASES)
def test_registered_method_passes_every_check(name, check):
    if (name, check) == ("repulsion", check_spreads):
        # repulsion from its own old codes only rotates them: the paper's reason for the positive
        with pytest.raises(AssertionError):
            check(kind_of(name), name)
        return
    check(kind_of(name), name)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("name", METHODS)
def test_registry_names_the_priors_that_a_class_takes(name, prior):
    run = Run("synthetic-normal", 64, "mlp2", "", (), "", dim=DIM, epochs=1, batch=BATCH,
              prior=prior)
    if prior in METHODS[name].priors:
        build(kind_of(name), name, prior)
        assert resolve(run, name, SMALL.get(name, {})).prior == prior
        return
    with pytest.raises(ValueError, match=r"has no \w+\(dim=8\) form"):
        build(kind_of(name), name, prior)
    with pytest.raises(UsageError, match=f"{name} matches codes to the prior sphere, not {prior}"):
        resolve(run, name, SMALL.get(name, {}))


def sign_flipped(kind):
    class Flipped(kind):
        def penalty(self, step):
            return -super().penalty(step)
    return Flipped


def gradient_cut(kind):
    class Cut(kind):
        def penalty(self, step):
            value = super().penalty(step)
            return value.detach() + 0 * step.z.sum()
    return Cut


def prior_ignored(kind):
    class Ignorant(kind):
        def __init__(self, context, **hyper):
            super().__init__(context._replace(prior=Sphere(context.dim)), **hyper)

        def _other(self, step):
            draws = torch.randn(step.prior.shape, generator=generator(11), dtype=torch.float64)
            return replace(step, prior=draws)

        def penalty(self, step):
            return super().penalty(self._other(step))

        def adversary_loss(self, step):
            return super().adversary_loss(self._other(step))
    return Ignorant


def half_gradient(kind):
    class Half(kind):
        def penalty(self, step):
            mixed = step.z.clone()
            mixed[::2] = mixed[::2].detach()
            return super().penalty(replace(step, z=mixed))
    return Half


def read_back(kind):
    class Reader(kind):
        def penalty(self, step):
            return super().penalty(step) * (2 if float(step.progress) > 2 else 1)
    return Reader


DEFECTS = {
    read_back: check_stays_on_the_device,
    sign_flipped: check_spreads, gradient_cut: check_gradient, half_gradient: check_gradient,
    prior_ignored: check_follows_prior,
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
@pytest.mark.parametrize("name", CASES)
def test_planted_defect_fails_a_check(name, defect):
    if defect is prior_ignored and name in PAIRWISE_ONLY:
        # these refuse any other prior, so they cannot ignore it
        with pytest.raises(ValueError, match="sphere"):
            build(kind_of(name), name, "gaussian")
        return
    with pytest.raises((AssertionError, RuntimeError)):
        DEFECTS[defect](defect(kind_of(name)), name)
