"""Each regularizer against a library, a closed form or an independent second implementation."""

from math import erf, exp, lgamma, log, pi, sqrt

from geomloss import SamplesLoss
from hypothesis import given, settings
from hypothesis import strategies as st
import mpmath
import numpy as np
import ot
import pytest
from scipy.spatial import cKDTree
from scipy.special import hyp0f1, hyp1f1, ive
import torch
from torch import nn
from torch.nn.functional import cosine_similarity, logsigmoid, normalize

from methods.base import Context, Step
from methods.cramer_wold import CramerWold, cramer_wold, phi
from methods.energy import energy_distance
from methods.gan import GAN
from methods.koleo import KoLeo, koleo
from methods.mmd import MMD, SCALES, imq_mmd
from methods.moments import Moments
from methods.priors import PRIORS, Gaussian, Sphere
from methods.sigreg import SIGReg
from methods.sinkhorn import SharpSinkhorn, Sinkhorn, sharp_cost
from methods.ssw import SphericalSlicedWasserstein, great_circles, spherical_w2_squared
from methods.swd import SlicedWasserstein, directions, sliced_w2_squared
from methods.uniformity import Uniformity, leave_one_out, literal


def wang_isola(z, tau):
    """Log E exp(-t ||u - v||^2) with t = 1/(2 tau) (Wang and Isola 2020), shifted by 1/tau.

    On the sphere -t ||u - v||^2 = (u.v - 1) / tau: with the shift it is `leave_one_out` with the
    logarithm outside both means, so never smaller (Jensen).
    """
    squared = torch.pdist(z).square()
    return (squared / (-2 * tau)).logsumexp(dim=0) - log(len(squared)) + 1 / tau


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sphere(n, dim, seed=0):
    return normalize(torch.randn(n, dim, generator=generator(seed), dtype=torch.float64), dim=1)


def step_of(z, prior, encoder=None, x=None):
    return Step(encoder or nn.Identity(), z if x is None else x, torch.arange(len(z)), z, prior,
                torch.tensor(0.0))


def context_of(prior, encoder=None):
    return Context(encoder or nn.Identity(), prior.dim, 100, prior, generator(9))


@pytest.mark.parametrize("prior", [Sphere(6), Gaussian(6)])
def test_prior_draws_have_the_moments_that_methods_scale_by(prior):
    draws = prior.sample(200_000, generator())
    scaled = prior.unit_variance_scale * draws
    torch.testing.assert_close(scaled.T @ scaled / len(scaled), torch.eye(6), rtol=0, atol=0.02)
    squared = (draws[::2] - draws[1::2]).square().sum(1)
    assert float(squared.mean()) == pytest.approx(prior.mean_squared_distance, rel=0.01)
    assert float(squared.max().sqrt()) <= prior.diameter
    torch.testing.assert_close(prior.constrain(draws), draws)


# --- MMD ---------------------------------------------------------------------------------------

def mmd_by_loops(z, p, base):
    total = 0.0
    for C in (s * base for s in SCALES):
        def k(a, b, C=C):
            return C / (C + ((a - b) ** 2).sum())
        for sample in (z, p):
            n = len(sample)
            total += sum(k(sample[i], sample[j]) for i in range(n) for j in range(n) if i != j
                         ) / (n * (n - 1))
        total -= 2 * sum(k(a, b) for a in z for b in p) / (len(z) * len(p))
    return total


def test_mmd_equals_the_u_statistic_summed_over_scales():
    z, p = sphere(7, 5), sphere(9, 5, 1)
    expected = mmd_by_loops(z.numpy(), p.numpy(), 2.0)
    assert float(imq_mmd(z, p, 2.0)) == pytest.approx(expected, rel=1e-12)


def test_mmd_and_geomloss_differ_only_by_the_diagonal():
    z, p, n = sphere(12, 5), sphere(12, 5, 1), 12

    def kernel(x, y, blur=None, **unused):
        squared = torch.cdist(x, y) ** 2
        return sum(2 * s / (2 * s + squared) for s in SCALES)

    v_statistic = kernel(z, z).mean() + kernel(p, p).mean() - 2 * kernel(z, p).mean()
    library = 2 * SamplesLoss("gaussian", kernel=kernel, backend="tensorized")(z, p)
    torch.testing.assert_close(library, v_statistic)
    within = [(kernel(x, x).sum() - n * len(SCALES)) / (n * (n - 1)) - kernel(x, x).mean()
              for x in (z, p)]
    torch.testing.assert_close(imq_mmd(z, p, 2.0), library + sum(within))


def test_mmd_is_unbiased_and_detects_a_point_mass():
    values = [float(imq_mmd(sphere(64, 128, 2 * k), sphere(64, 128, 2 * k + 1), 2.0))
              for k in range(500)]
    assert abs(np.mean(values)) < 4 * np.std(values) / sqrt(500)
    point = torch.zeros(64, 128, dtype=torch.float64)
    point[:, 0] = 1
    assert float(imq_mmd(point, sphere(64, 128), 2.0)) == pytest.approx(3.49, abs=0.02)


@pytest.mark.parametrize(("name", "base"), [("sphere", 2.0), ("gaussian", 256.0)])
def test_mmd_base_constant_depends_on_the_prior(name, base):
    assert MMD(context_of(PRIORS[name](128)), memory=0, m0=0.0).base == base


def test_mmd_cross_term_is_constant_on_the_sphere():
    """E_y k(x, y) over the uniform law does not depend on x: MMD there is pairwise repulsion."""
    y = sphere(200_000, 128, 5)
    sums = [float(sum((2 * s / (2 * s + (x - y).square().sum(1))).mean() for s in SCALES))
            for x in sphere(3, 128, 6)]
    assert sums == pytest.approx([3.5045] * 3, abs=5e-4)


# --- sliced Wasserstein ------------------------------------------------------------------------

def test_swd_equals_pot_with_the_same_projections():
    z, p = sphere(64, 16).requires_grad_(), sphere(64, 16, 1)
    projections = directions(50, 16, generator()).double()
    _, log_ = ot.sliced_wasserstein_distance(z, p, projections=projections, p=2, log=True)
    oracle = (log_["projected_emds"]).mean()
    value = sliced_w2_squared(z, p, projections)
    torch.testing.assert_close(value, oracle, rtol=1e-10, atol=0)
    torch.testing.assert_close(*(torch.autograd.grad(v, z)[0] for v in (value, oracle)))


def test_swd_draws_new_directions_at_every_step():
    method = SlicedWasserstein(context_of(Sphere(8)), projections=5, memory=0, m0=0.0)
    step = step_of(sphere(16, 8), sphere(16, 8, 1))
    values = {float(method.penalty(step)) for _ in range(5)}
    assert len(values) == 5


def test_swd_of_a_shift_is_exact_and_unequal_samples_are_refused():
    z, shift = sphere(64, 4), torch.tensor([3.0, 0, 0, 0], dtype=torch.float64)
    projections = directions(2000, 4, generator()).double()
    expected = (shift @ projections).square().mean()  # W2 of a shifted slice is the shift
    torch.testing.assert_close(sliced_w2_squared(z, z + shift, projections), expected)
    with pytest.raises(ValueError, match="as many prior draws"):
        sliced_w2_squared(z, z[:10], projections)


# --- Sinkhorn ----------------------------------------------------------------------------------

@pytest.mark.parametrize("prior", ["sphere", "gaussian"])
def test_sinkhorn_equals_pot(prior):
    law = PRIORS[prior](16)
    z, p = law.sample(40, generator(1)).double(), law.sample(40, generator(2)).double()
    eps = law.mean_squared_distance / 2
    hyper = {"eps": eps, "scaling": 0.9}

    def entropic(x, y):
        return ot.solve_sample(x, y, reg=eps, max_iter=100_000, tol=1e-12).value

    raw = Sinkhorn(context_of(law), debias=False, **hyper).penalty(step_of(z, p))
    torch.testing.assert_close(raw, entropic(z, p), rtol=1e-3, atol=0)
    debiased = Sinkhorn(context_of(law), debias=True, **hyper).penalty(step_of(z, p))
    oracle = entropic(z, p) - (entropic(z, z) + entropic(p, p)) / 2
    torch.testing.assert_close(debiased, oracle, rtol=2e-2, atol=1e-3)


def test_sinkhorn_restores_the_gradient_mode_even_after_an_error(monkeypatch):
    regularizer = Sinkhorn(context_of(Sphere(4)), eps=1.0, debias=True, scaling=0.5)
    step = step_of(sphere(8, 4), sphere(8, 4, 1))

    def broken(*arguments):
        torch.set_grad_enabled(True)
        raise ArithmeticError

    with torch.no_grad():
        regularizer.penalty(step)
        assert not torch.is_grad_enabled()
        monkeypatch.setattr(regularizer.half_divergence, "forward", broken)
        with pytest.raises(ArithmeticError):
            regularizer.penalty(step)
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("iterations", [1, 3, 30])
def test_sharp_sinkhorn_equals_pot_after_the_same_iterations(iterations):
    z, p, eps = sphere(20, 5).requires_grad_(), sphere(24, 5, 1), 0.1
    oracle = ot.sinkhorn2(
        z.new_full((20,), 1 / 20), z.new_full((24,), 1 / 24), ot.dist(z, p), eps,
        method="sinkhorn_log", numItermax=iterations, stopThr=0, warn=False)
    value = SharpSinkhorn(context_of(Sphere(5)), eps=eps, iterations=iterations).penalty(
        step_of(z, p))
    torch.testing.assert_close(value, oracle, rtol=1e-9, atol=0)
    torch.testing.assert_close(*(torch.autograd.grad(v, z)[0] for v in (value, oracle)))


def test_sharp_sinkhorn_equals_a_small_case_by_hand():
    z, p, eps = sphere(20, 5), sphere(20, 5, 1), 0.5
    cost = ((z[:, None] - p[None]) ** 2).sum(-1).numpy()
    K, u = np.exp(-cost / eps), np.ones(20)
    for _ in range(3):
        v = (1 / 20) / (K.T @ u)
        u = (1 / 20) / (K @ v)
    expected = (u[:, None] * K * v * cost).sum()
    assert float(sharp_cost(z, p, eps, 3)) == pytest.approx(expected, rel=1e-9)


# --- Cramer-Wold -------------------------------------------------------------------------------

@pytest.mark.parametrize("dim", [2, 3, 6, 7])
def test_cramer_wold_phi_is_exact_in_few_dimensions(dim):
    s = torch.cat([torch.linspace(0, 400, 81), torch.logspace(2, 6, 20)]).double()
    expected = [float(mpmath.hyp1f1(0.5, dim / 2, -float(v))) for v in s]
    np.testing.assert_allclose(phi(s, dim).numpy(), expected, rtol=1e-6)
    at = s.clone().requires_grad_()
    (slope,) = torch.autograd.grad(phi(at, dim).sum(), at)
    expected = [-float(mpmath.hyp1f1(1.5, dim / 2 + 1, -float(v))) / dim for v in s]
    np.testing.assert_allclose(slope.numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize(("dim", "error"), [(8, 0.031), (20, 0.011), (128, 0.0015)])
def test_cramer_wold_phi_is_close_in_many_dimensions(dim, error):
    s = torch.linspace(0, 10 * dim, 400, dtype=torch.float64)
    exact = hyp1f1(0.5, dim / 2, -s.numpy())
    assert np.abs(phi(s, dim).numpy() / exact - 1).max() < error


def test_cramer_wold_equals_geomloss():
    x, y, n, dim = sphere(30, 12), sphere(30, 12, 1), 30, 12
    bandwidth = (4 / (3 * n)) ** 0.4

    def kernel(a, b, **unused):
        squared = torch.cdist(a, b) ** 2
        return (1 + squared / bandwidth / (2 * dim - 3)).rsqrt() / (2 * sqrt(pi * bandwidth))

    oracle = 2 * SamplesLoss("gaussian", kernel=kernel, backend="tensorized")(x, y)
    torch.testing.assert_close(cramer_wold(x, y), oracle, rtol=1e-7, atol=0)


def test_cramer_wold_equals_the_smoothed_slice_distance():
    """By definition: the L2 distance of Gaussian-smoothed slices, averaged over directions."""
    x, y, bandwidth = sphere(8, 3), sphere(8, 3, 1), (4 / 24) ** 0.4
    projections = directions(20_000, 3, generator()).double()
    a, b = (x @ projections).T, (y @ projections).T  # (L, n)

    def inner(p, q):
        squared = (p[:, :, None] - q[:, None, :]) ** 2
        return torch.exp(-squared / (4 * bandwidth)).mean((1, 2)) / sqrt(4 * pi * bandwidth)

    sliced = (inner(a, a) + inner(b, b) - 2 * inner(a, b)).mean()
    torch.testing.assert_close(cramer_wold(x, y), sliced, rtol=0.02, atol=0)


def test_cramer_wold_gradient_on_the_sphere_equals_the_closed_form():
    """With sqrt(d) scaling the gradient is that of the closed form against N(0, I) (CWAE)."""
    dim, n = 128, 64
    z = normalize(sphere(n, dim) + 0.05, dim=1).requires_grad_()

    def tangent(value):
        (g,) = torch.autograd.grad(value, z)
        return g - (g * z.detach()).sum(1, keepdim=True) * z.detach()

    draws = sphere(64 * 64, dim, 3).reshape(-1, n, dim)
    sampled = sum(tangent(cramer_wold(sqrt(dim) * z, sqrt(dim) * p)) for p in draws) / len(draws)
    x, g = sqrt(dim) * z, (4 / (3 * n)) ** 0.4
    pairs = (g + (x[:, None] - x).square().sum(-1) / (2 * dim - 3)).rsqrt().mean()
    closed = pairs - 2 * (g + 0.5 + x.square().sum(1) / (2 * dim - 3)).rsqrt().mean()
    assert float(cosine_similarity(sampled.flatten(), tangent(closed).flatten(), dim=0)) > 0.995


def test_cramer_wold_options_scale_the_sphere_and_take_the_logarithm():
    z, p = sphere(16, 8), sphere(16, 8, 1)
    plain = CramerWold(context_of(Sphere(8)), log=False).penalty(step_of(z, p))
    torch.testing.assert_close(plain, cramer_wold(sqrt(8) * z, sqrt(8) * p))
    gaussian = CramerWold(context_of(Gaussian(8)), log=False).penalty(step_of(z, p))
    torch.testing.assert_close(gaussian, cramer_wold(z, p))
    torch.testing.assert_close(
        CramerWold(context_of(Sphere(8)), log=True).penalty(step_of(z, p)), (plain + 1e-7).log())
    with pytest.raises(ValueError, match="as many prior draws"):
        cramer_wold(z, p[:5])


# --- uniformity --------------------------------------------------------------------------------

def log_mean_exp_on_sphere(dim, tau):
    """log E exp(u.v / tau) of two uniform unit vectors, in closed form."""
    order = dim / 2 - 1
    return lgamma(dim / 2) + order * log(2 * tau) + log(ive(order, 1 / tau)) + 1 / tau


@pytest.mark.parametrize(("tau", "value"), [(0.05, 1.5443), (0.1, 0.3895), (1.0, 0.0039)])
def test_uniformity_of_uniform_codes_equals_the_closed_form(tau, value):
    assert log_mean_exp_on_sphere(128, tau) == pytest.approx(value, abs=1e-4)
    z = sphere(6000, 128)
    assert float(leave_one_out(z, tau)) == pytest.approx(value, rel=0.02, abs=2e-4)
    assert float(wang_isola(z[:3000], tau)) == pytest.approx(value, rel=0.02, abs=2e-4)


def test_literal_form_of_equation_5_has_no_gradient_at_the_papers_temperature():
    z = sphere(64, 128).requires_grad_()
    norms = []
    for term in (literal, leave_one_out):
        (g,) = torch.autograd.grad(term(z, 0.05), z)
        norms.append(float((g - (g * z).sum(1, keepdim=True) * z).detach().norm()))
    assert norms[0] / norms[1] < 1e-4


def test_literal_form_equals_equation_4():
    z, tau = sphere(9, 4), 0.3
    expected = np.mean([log(np.mean([exp(float(a @ b) / tau) for b in z])) for a in z])
    assert float(literal(z, tau)) == pytest.approx(expected)


@pytest.mark.parametrize(("variant", "term"), [
    ("loo", leave_one_out), ("literal", literal)])
def test_uniformity_variant_names_select_their_terms(variant, term):
    z = sphere(12, 5)
    method = Uniformity(context_of(Sphere(5)), tau=0.3, variant=variant)
    torch.testing.assert_close(method.penalty(step_of(z, z)), term(z, 0.3), rtol=0, atol=0)
    with pytest.raises(ValueError, match="no variant"):
        Uniformity(context_of(Sphere(5)), tau=0.3, variant="leave")


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 40), st.integers(2, 20), st.floats(0.05, 2))
def test_wang_isola_is_never_below_leave_one_out(n, dim, tau):
    z = sphere(n, dim, seed=n * dim)
    assert float(wang_isola(z, tau)) >= float(leave_one_out(z, tau)) - 1e-9


# --- GAN ---------------------------------------------------------------------------------------

@pytest.mark.parametrize(("law", "scale"), [(Gaussian(3), 1), (Sphere(3), sqrt(3))])
def test_gan_losses_equal_the_papers_and_the_critic_sees_the_updated_encoder(law, scale):
    encoder = nn.Linear(3, 3)
    gan = GAN(context_of(law, encoder), hidden=8, layers=2, critic_lr=1e-3, critic_beta1=0.5)
    x, prior = torch.randn(5, 3, generator=generator()), law.sample(5, generator(1))
    step = step_of(encoder(x), prior, encoder, x)
    torch.testing.assert_close(gan.penalty(step), -logsigmoid(gan.critic(scale * step.z)).mean())
    with torch.no_grad():
        encoder.weight.add_(1.0)
    expected = (-logsigmoid(gan.critic(scale * prior)).mean()
                - logsigmoid(-gan.critic(scale * encoder(x))).mean())
    torch.testing.assert_close(gan.adversary_loss(step), expected)
    gan.adversary_loss(step).backward()
    assert encoder.weight.grad is None


def test_gan_critic_has_the_papers_layers():
    gan = GAN(context_of(Sphere(64)), hidden=1024, layers=4, critic_lr=1e-3,
              critic_beta1=0.5)
    sizes = [m.weight.shape for m in gan.critic if isinstance(m, nn.Linear)]
    assert sizes == [(1024, 64), (1024, 1024), (1024, 1024), (1024, 1024), (1, 1024)]
    assert gan.scale == 8.0


# --- SIGReg ------------------------------------------------------------------------------------

@pytest.mark.parametrize("dim", [2, 3, 8, 128, 512])
def test_slices_of_a_prior_have_its_characteristic_function(dim):
    t = np.linspace(0, 5, 9)
    found = [[law.slice_characteristic(each) for each in t] for law in (Sphere(dim), Gaussian(dim))]
    exact = [float(mpmath.hyp0f1(dim / 2, -dim * each**2 / 4)) for each in t]
    np.testing.assert_allclose(found[0], exact, atol=1e-10)
    if dim < 344:
        np.testing.assert_allclose(found[0], hyp0f1(dim / 2, -dim * t**2 / 4), atol=1e-10)
    np.testing.assert_allclose(found[1], np.exp(-(t**2) / 2), atol=1e-15)


@pytest.mark.parametrize("law", [Sphere(3), Sphere(8), Gaussian(8)])
def test_characteristic_function_is_the_mean_over_a_million_draws(law):
    slices = law.unit_variance_scale * law.sample(1_000_000, generator())[:, 0].double()
    for t in (0.625, 1.25, 2.5, 5.0):
        waves = (t * slices).cos()
        error = 4.5 * float(waves.std()) / 1000
        assert law.slice_characteristic(t) == pytest.approx(float(waves.mean()), abs=error)


def slices_of(method, z, seed=9):
    """(B, M) the slices of the codes, with the directions that the method draws first."""
    return method.scale * z @ directions(method.projections, method.dim, generator(seed)).double()


@pytest.mark.parametrize("n", [8, 64, 512])
@pytest.mark.parametrize("scale", [0.1, 1.0, 1.3])
def test_sigreg_is_its_integral_in_closed_form(n, scale):
    z = (scale * Gaussian(16).sample(n, generator()).double()).requires_grad_()
    method = SIGReg(context_of(Gaussian(16)), projections=64)
    s = slices_of(method, z)
    pairs = torch.exp(-(s[:, None] - s).square() / 2).mean(dim=(0, 1))
    closed = n * sqrt(2 * pi) * (pairs - sqrt(2) * torch.exp(-s.square() / 4).mean(0) + 3**-0.5)
    value = method.penalty(step_of(z, z))
    torch.testing.assert_close(value, closed.mean(), rtol=1e-3, atol=0)
    slope, exact = (torch.autograd.grad(v, z)[0] for v in (value, closed.mean()))
    assert float((slope - exact).norm()) < 5e-3 * float(exact.norm())


@pytest.mark.parametrize("law", [Sphere(16), Gaussian(16)])
def test_sigreg_is_the_trapezoidal_rule_of_lejepa(law):
    """All 17 knots, in complex numbers."""
    z = law.sample(32, generator()).double()
    method, t = SIGReg(context_of(law), projections=64), torch.linspace(-5, 5, 17).double()
    waves = torch.exp(1j * slices_of(method, z)[..., None] * t).mean(dim=0)
    expected = t.new_tensor([law.slice_characteristic(each) for each in t.tolist()])
    squared = (waves - expected).abs().square() * torch.exp(-t.square() / 2)
    oracle = 32 * torch.trapezoid(squared, t, dim=1).mean()
    torch.testing.assert_close(method.penalty(step_of(z, z)), oracle, rtol=1e-10, atol=0)


@pytest.mark.parametrize("law", [Sphere(8), Gaussian(8)])
def test_sigreg_of_the_priors_own_draws_is_noise_of_the_order_of_one_draw(law):
    """Its mean is the integral of (1 - phi_0^2) e^(-t^2/2), whatever n: the mismatch is 1/n."""
    t = np.linspace(-5, 5, 17)
    phi = np.array([law.slice_characteristic(each) for each in t])
    expected = np.trapezoid((1 - phi**2) * np.exp(-(t**2) / 2), t)
    for n, repeats in ((16, 400), (1024, 40)):
        method = SIGReg(context_of(law), projections=16)
        draws = [law.sample(n, generator(k)).double() for k in range(repeats)]
        values = [float(method.penalty(step_of(z, z))) for z in draws]
        assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / repeats**0.5)
    point = law.sample(1, generator()).double().expand(1024, -1)
    assert float(method.penalty(step_of(point, point))) > 200 * expected


# --- spherical SWD -----------------------------------------------------------------------------

@pytest.mark.parametrize("dim", [2, 3, 128])
def test_spherical_swd_equals_pot_on_the_same_circles(dim):
    z = sphere(40, dim).requires_grad_()
    a, b = (axis.double() for axis in great_circles(30, dim, generator()))
    planes = torch.stack([a.T, b.T], dim=2)  # (L, d, 2)
    _, log = ot.sliced_wasserstein_sphere_unif(
        z, projections=planes, n_projections=30, log=True)  # it does not read the number off
    value, oracle = spherical_w2_squared(z, a, b), log["projected_emds"].mean()
    torch.testing.assert_close(value, oracle, rtol=1e-6, atol=0)
    torch.testing.assert_close(*(torch.autograd.grad(v, z)[0] for v in (value, oracle)))


def test_spherical_swd_by_a_fine_grid_on_the_circle():
    """Optimal transport to many equal points: over all cyclic shifts of the sorted order."""
    z, m = sphere(6, 2), 3000
    value = spherical_w2_squared(z, *torch.eye(2, dtype=torch.float64)[:, :, None])
    u = (torch.atan2(z[:, 1], z[:, 0]) / (2 * pi)).sort()[0].repeat_interleave(m // 6)
    grid = (torch.arange(m) + 0.5) / m
    apart = torch.stack([(u - grid.roll(shift) + 0.5) % 1 - 0.5 for shift in range(0, m, 5)])
    assert float(value) == pytest.approx(float(apart.square().mean(1).min()), rel=1e-3)


@pytest.mark.parametrize("dim", [2, 3, 128])
def test_great_circles_are_orthonormal_and_have_no_preferred_side(dim):
    a, b = great_circles(20_000, dim, generator())
    for found in ((a * a).sum(0), (b * b).sum(0)):
        torch.testing.assert_close(found, torch.ones(20_000))
    assert float((a * b).sum(0).abs().max()) < (1e-2 if dim == 2 else 1e-4)
    second_moment = (a @ a.T + b @ b.T) / 40_000  # of points uniform on the circles
    torch.testing.assert_close(second_moment, torch.eye(dim) / dim, rtol=0, atol=0.02 / dim**0.5)


def test_spherical_swd_draws_fresh_circles_and_sees_a_point_mass():
    method = SphericalSlicedWasserstein(context_of(Sphere(8)), projections=20)
    spread, point = sphere(256, 8), sphere(1, 8).expand(256, -1)
    values = {float(method.penalty(step_of(spread, spread))) for _ in range(5)}
    assert len(values) == 5
    assert max(values) < 0.01
    # on every circle a point mass is 1/12 away: the mean of u^2 over [-1/2, 1/2]
    assert float(method.penalty(step_of(point, point))) == pytest.approx(1 / 12, rel=1e-9)


# --- KoLeo -------------------------------------------------------------------------------------

@pytest.mark.parametrize(("n", "dim"), [(2, 3), (64, 8), (500, 128)])
def test_koleo_is_the_mean_log_distance_that_scipys_tree_finds(n, dim):
    z = sphere(n, dim)
    nearest = cKDTree(z).query(z, k=2)[0][:, 1]
    oracle = -np.log(nearest + 1e-8).mean()
    assert float(koleo(z)) == pytest.approx(oracle, rel=1e-12)
    assert float(koleo(z.float())) == pytest.approx(oracle, rel=1e-5)
    assert float(KoLeo(context_of(Sphere(dim))).penalty(step_of(z, z))) == float(koleo(z))


def test_koleo_pulls_at_both_ends_of_a_pair():
    z = sphere(40, 8).requires_grad_()
    nearest = torch.from_numpy(cKDTree(z.detach()).query(z.detach(), k=2)[1][:, 1])
    apart = torch.cdist(z, z)[torch.arange(40), nearest]
    oracle = -(apart + 1e-8).log().mean()
    torch.testing.assert_close(*(torch.autograd.grad(v, z)[0] for v in (koleo(z), oracle)))


@pytest.mark.parametrize("gap", [0.0, 1e-7, 1e-3])
def test_koleo_of_codes_that_coincide_has_a_finite_gradient(gap):
    z = sphere(6, 8).float()
    z[1:3] = z[0]
    z[2] = normalize(z[2] + gap * torch.eye(8)[0], dim=0)
    z.requires_grad_()
    value = koleo(z)
    (slope,) = torch.autograd.grad(value, z)
    assert value.isfinite()
    assert slope.isfinite().all()
    # coinciding codes have their nearest at 0
    assert float(value.detach()) > 2 * -log(1e-8) / 6 - 1


def test_koleo_is_least_for_uniform_codes_in_the_mean():
    spread = np.mean([float(koleo(sphere(256, 8, seed))) for seed in range(10)])
    narrow = [float(koleo(normalize(sphere(256, 8, seed) + 0.3 * torch.eye(8)[0], dim=1)))
              for seed in range(10)]
    assert spread < np.mean(narrow)


# --- energy distance ---------------------------------------------------------------------------

def test_energy_distance_is_geomlosss_without_the_diagonal():
    """Half of the V-statistic is geomloss's, with 1e-4 from each point to itself."""
    z, p = sphere(12, 5).requires_grad_(), sphere(20, 5, 1)
    library = 2 * SamplesLoss("energy", backend="tensorized")(z, p) + 1e-4 * (1 / 12 + 1 / 20)
    within = sum(torch.cdist(x, x).mean() / (len(x) - 1) for x in (z, p))
    value = energy_distance(z, p)
    torch.testing.assert_close(value, library - within)
    torch.testing.assert_close(*(torch.autograd.grad(v, z)[0] for v in (value, library - within)))


def test_energy_distance_of_pairs_by_hand():
    z = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    p = torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    across = (1 + 1 + sqrt(9 + 9) + sqrt(9 + 25)) / 4
    assert float(energy_distance(z, p)) == pytest.approx(2 * across - 5 - 2, rel=1e-6)


def test_energy_distance_is_unbiased_and_that_of_two_known_laws():
    """Between N(0, 1) and N(m, 1): 2 E|X + m| - 2 E|X|, with X of variance 2."""
    m, n = 1.5, 50
    normal = np.random.default_rng(0).standard_normal((400, 2, n, 1))
    values = [float(energy_distance(*map(torch.from_numpy, (z, p + m)))) for z, p in normal]
    expected = 2 * (2 / sqrt(pi) * exp(-m * m / 4) + m * erf(m / 2)) - 4 / sqrt(pi)
    assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / 20)
    values = [float(energy_distance(*map(torch.from_numpy, pair))) for pair in normal]
    assert abs(np.mean(values)) < 4 * np.std(values) / 20


def test_energy_distance_of_codes_that_coincide_has_a_finite_gradient():
    z = sphere(1, 8).float().expand(30, -1).clone().requires_grad_()
    (slope,) = torch.autograd.grad(energy_distance(z, z.detach()), z)
    assert torch.equal(slope, torch.zeros_like(z))
    assert float(energy_distance(z, z).detach()) == 0


# --- moments -----------------------------------------------------------------------------------

@pytest.mark.parametrize(("law", "variance"), [(Gaussian(5), 1.0), (Sphere(5), 0.2)])
def test_moments_are_numpys(law, variance):
    z = 0.7 * law.sample(30, generator()).double() + 0.1
    excess = np.cov(z.numpy(), rowvar=False) - variance * np.eye(5)
    oracle = (z.numpy().mean(0) ** 2).sum() + np.linalg.norm(excess, "fro") ** 2 / 5
    assert float(Moments(context_of(law)).penalty(step_of(z, z))) == pytest.approx(oracle)


@pytest.mark.parametrize("law", [Gaussian(4), Sphere(4)])
def test_moments_vanish_for_the_prior_and_for_others_like_it(law):
    """Corners of a cross, as far out as the law's slices vary, have the law's two moments."""
    method = Moments(context_of(law))
    draws = law.sample(500_000, generator()).double()
    assert float(method.penalty(step_of(draws, draws))) < 1e-4
    corners = torch.cat([torch.eye(4), -torch.eye(4)]).double() * 2 / law.unit_variance_scale
    many = corners.repeat(100_000, 1)
    assert float(method.penalty(step_of(many, many))) < 1e-9
    near = 0.5 * draws
    expected = (0.75 / law.unit_variance_scale**2) ** 2
    assert float(method.penalty(step_of(near, near))) == pytest.approx(expected, rel=0.02)
