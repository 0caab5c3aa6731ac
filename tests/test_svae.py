"""S-VAE against mpmath, the mean resultant length, and its own equations."""

from itertools import count

import mpmath
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy, normalize

from methods.base import Batch
from methods.priors import Sphere
from methods.svae import SVAE, VonMisesEncoder
from methods.von_mises_fisher import divergence_from_uniform, mean_resultant, sample


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def exact_divergence(kappa, m):
    """KL(vMF || U) in 40 digits, from its definition."""
    with mpmath.workdps(40):
        half = mpmath.mpf(m) / 2
        bessel = mpmath.besseli(half - 1, kappa)
        log_c = ((half - 1) * mpmath.log(kappa) - half * mpmath.log(2 * mpmath.pi)
                 - mpmath.log(bessel))
        log_area = mpmath.log(2) + half * mpmath.log(mpmath.pi) - mpmath.loggamma(half)
        return kappa * mpmath.besseli(half, kappa) / bessel + log_c + log_area


@pytest.mark.parametrize("dim", [3, 6, 16, 32])
@pytest.mark.parametrize("kappa", [1.0, 5.0, 30.0, 300.0, 1e4])
def test_kl_divergence_and_its_gradient_are_exact(dim, kappa):
    k = torch.tensor([kappa], dtype=torch.float64, requires_grad=True)
    value = divergence_from_uniform(k, dim)
    (slope,) = torch.autograd.grad(value.sum(), k)
    assert float(value.detach()) == pytest.approx(float(exact_divergence(kappa, dim)), rel=1e-9)
    expected = mpmath.diff(lambda x: exact_divergence(x, dim), kappa)
    assert float(slope) == pytest.approx(float(expected), rel=1e-6)


def test_kl_divergence_in_float32_equals_float64():
    k = torch.logspace(0, 4, 50)
    torch.testing.assert_close(
        divergence_from_uniform(k, 6), divergence_from_uniform(k.double(), 6).float())


def test_too_many_dimensions_are_refused():
    with pytest.raises(ValueError, match="dim <= 32"):
        divergence_from_uniform(torch.ones(1), 33)


@pytest.mark.parametrize("dim", [3, 6, 32])
@pytest.mark.parametrize("kappa", [0.5, 5.0, 30.0, 300.0])
def test_draws_have_the_mean_resultant_length_and_are_symmetric(dim, kappa):
    n = 40_000
    mu = normalize(torch.randn(1, dim, generator=generator(), dtype=torch.float64), dim=1)
    z = sample(mu.expand(n, -1), torch.full((n, 1), kappa, dtype=torch.float64), generator(1))
    torch.testing.assert_close(z.norm(dim=1), torch.ones(n, dtype=torch.float64))
    cosine = (z @ mu.T).squeeze()
    expected = float(mean_resultant(torch.tensor([kappa]), dim))
    assert float(cosine.mean()) == pytest.approx(expected, abs=4.5 * float(cosine.std()) / n**0.5)
    side = (z - cosine[:, None] * mu).mean(0)
    assert float(side.norm()) < 6 / n**0.5


def test_draws_follow_the_density_of_the_cosine():
    """The cosine's density is proportional to exp(kappa w) (1 - w^2)^((m - 3) / 2)."""
    from scipy.integrate import cumulative_trapezoid
    from scipy.stats import kstest
    n, dim, kappa = 20_000, 6, 7.0
    mu = torch.eye(dim, dtype=torch.float64)[:1].expand(n, -1)
    z = sample(mu, torch.full((n, 1), kappa, dtype=torch.float64), generator(2))
    w = torch.linspace(-1, 1, 20_001, dtype=torch.float64).numpy()
    density = torch.exp(torch.as_tensor(kappa * w)).numpy() * (1 - w**2) ** ((dim - 3) / 2)
    cumulative = cumulative_trapezoid(density, w, initial=0)
    cumulative /= cumulative[-1]
    from numpy import interp
    assert kstest(z[:, 0].numpy(), lambda x: interp(x, w, cumulative)).pvalue > 1e-3


def test_gradient_reaches_mean_and_concentration():
    mu = normalize(torch.randn(50, 6, generator=generator()), dim=1).requires_grad_()
    kappa = torch.full((50, 1), 5.0, requires_grad=True)
    z = sample(mu, kappa, generator(1))
    (z * mu.detach()).sum().backward()
    assert mu.grad.isfinite().all()
    assert float(kappa.grad.mean()) > 0  # higher concentration, closer to the mean direction
    assert not z.isnan().any()


def test_loss_is_cross_entropy_plus_kl_divergence_and_falls():
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(6, 20), nn.Sigmoid())
    objective = SVAE(VonMisesEncoder(nn.Linear(20, 7)), decoder, generator())
    kinds = (torch.rand(4, 20, generator=generator(3)) > 0.5).float()  # already binary
    x = kinds[torch.arange(64) % 4]
    batch = Batch(x, torch.arange(64), torch.empty(0), torch.tensor(0.0))
    terms, step = objective.loss(batch)
    assert torch.equal(step.x, x)
    p = decoder(step.z)
    expected = -(x * p.log() + (1 - x) * (1 - p).log()).sum() / 64
    torch.testing.assert_close(terms["cross_entropy"], expected)
    kappa = objective.encoder.posterior(x)[1]
    assert (kappa > 1).all()
    torch.testing.assert_close(terms["divergence"], divergence_from_uniform(kappa, 6).mean())
    torch.testing.assert_close(terms["loss"], terms["cross_entropy"] + terms["divergence"])
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.02)
    first = float(terms["loss"].detach())
    for _ in range(150):
        optimizer.zero_grad()
        objective.loss(batch)[0]["loss"].backward()
        optimizer.step()
    assert float(objective.loss(batch)[0]["loss"].detach()) < 0.8 * first


@pytest.mark.parametrize("kappa", [1e4, 1e5, 1e6])
def test_concentrated_draws_stay_at_their_direction(kappa):
    mu = normalize(torch.randn(200, 6, generator=torch.Generator().manual_seed(0)), dim=1)
    z = sample(mu, torch.full((200, 1), kappa), torch.Generator().manual_seed(1))
    # the mean of 1 - mu.z is about (m - 1) / (2 kappa)
    assert float((1 - (z.double() * mu.double()).sum(1)).mean()) < 4 / kappa + 1e-6


@pytest.fixture
def bounded(monkeypatch):
    """Fails where a sampler would draw for ever."""
    rounds, draw = count(), Sphere.sample

    def counted(self, n, generator):
        assert next(rounds) < 1000
        return draw(self, n, generator)

    monkeypatch.setattr(Sphere, "sample", counted)


@pytest.mark.parametrize("kappa", [1e9, 1e15, 1e30])
def test_concentration_that_single_precision_cannot_tell_from_infinity_ends(kappa, bounded):
    mu = normalize(torch.randn(3, 6, generator=generator()), dim=1)
    z = sample(mu, torch.tensor([[5.0], [kappa], [5.0]]), generator(1))
    assert z.isfinite().all(1).tolist() == [True, False, True]


def test_nan_mean_direction_ends(bounded):
    mu = normalize(torch.randn(3, 6, generator=generator()), dim=1)
    mu[1, 2] = torch.nan
    z = sample(mu, torch.full((3, 1), 5.0), generator(1))
    assert z.isfinite().all(1).tolist() == [True, False, True]


def objective_of(decoder):
    torch.manual_seed(0)
    objective = SVAE(VonMisesEncoder(nn.Linear(20, 7)), decoder(nn.Linear(6, 20)), generator())
    x = (torch.rand(64, 20, generator=generator(3)) > 0.5).float()
    return objective, Batch(x, torch.arange(64), torch.empty(0), torch.tensor(0.0))


class Spoiling(nn.Module):
    """Pixels, of which one is not a number."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear

    def forward(self, z):
        p = self.linear(z).sigmoid()
        return torch.where(torch.arange(20) == 7, torch.nan, p)


def test_loss_of_pixels_that_are_not_numbers_is_nan():
    objective, batch = objective_of(Spoiling)
    terms, _ = objective.loss(batch)
    assert {name: bool(term.isnan()) for name, term in terms.items()} == {
        "loss": True, "cross_entropy": True, "divergence": False}
    terms["loss"].backward()  # a step is taken, whatever it comes to


def test_loss_of_sound_pixels_is_the_plain_one_bit_for_bit():
    objective, batch = objective_of(lambda linear: nn.Sequential(linear, nn.Sigmoid()))
    grads = []
    for plain in (False, True):
        objective.zero_grad()
        objective.generator.manual_seed(0)
        terms, step = objective.loss(batch)
        if plain:
            entropy = binary_cross_entropy(objective.decoder(step.z), step.x, reduction="sum") / 64
            assert torch.equal(entropy, terms["cross_entropy"])
            terms["loss"] = entropy + terms["divergence"]
        terms["loss"].backward()
        grads.append([p.grad.clone() for p in objective.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))


@pytest.mark.parametrize("kappa", [torch.nan, torch.inf, -torch.inf])
def test_nan_concentration_gives_a_nan_loss_without_hanging(kappa):
    mu = normalize(torch.randn(3, 6, generator=torch.Generator().manual_seed(0)), dim=1)
    kappas = torch.tensor([[5.0], [kappa], [5.0]])
    z = sample(mu, kappas, torch.Generator().manual_seed(1))
    assert z.isfinite().all(1).tolist() == [True, False, True]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dim", [2, 6, 32])
@pytest.mark.parametrize("kappa", [-5.0, 0.0, 1e-30, 1e7, 3e7, 1e8, 1e17, 3e38])
def test_sampler_ends_for_every_finite_concentration(kappa, dim, dtype, monkeypatch):
    rounds = 0

    def counted(self, n, draws, plain=Sphere.sample):
        nonlocal rounds
        rounds += 1
        assert rounds < 1000, "the sampler goes on and on"
        return plain(self, n, draws)

    monkeypatch.setattr(Sphere, "sample", counted)
    mu = normalize(torch.randn(3, dim, generator=generator(), dtype=dtype), dim=1)
    z = sample(mu, torch.tensor([[5.0], [kappa], [5.0]], dtype=dtype), generator(1))
    assert z[[0, 2]].isfinite().all()
    assert z[1].isnan().all() or float(z[1].norm()) == pytest.approx(1)


def test_draws_of_ordinary_concentrations_stay_as_they_are():
    """Committed results of S-VAE hang on the numbers that each draw takes from the generator."""
    expected = [[0.604470789, 0.642329574, -0.471198350], [0.176217824, -0.738089979, -0.651283741]]
    mu = normalize(torch.randn(2, 3, generator=generator()), dim=1)
    z = sample(mu, torch.tensor([[1.5], [40.0]]), generator(1))
    torch.testing.assert_close(z, torch.tensor(expected), rtol=0, atol=1e-6)
