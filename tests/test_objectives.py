"""VAE and RAE against torch.distributions, torch's Adam and their equations; their declaration."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence

from benchmarks.harness.data.datasets import Split
from benchmarks.harness.errors import UsageError
from benchmarks.harness.measure.trained_model import TrainedModel
from benchmarks.harness.spec.hyperparameters import resolve, settable
from benchmarks.harness.spec.run import Run
from benchmarks.harness.train.build import autoencoder, build, load_model, weights_to_bytes
from methods import METHODS, OBJECTIVES
from methods.base import Batch
from methods.networks import Encoder
from methods.priors import Gaussian
from methods.rae import RAE
from methods.vae import VAE, GaussianEncoder, divergence_from_normal

INPUTS, DIM, N = 20, 3, 16
RUN = Run("procedural-28", 64, "mlp3", "moca", (), "", dim=DIM, epochs=1, batch=32, lam=7.0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch():
    return Batch(torch.rand(N, INPUTS, generator=generator(3)), torch.arange(N), torch.empty(0),
                 torch.tensor(0.0))


def decoder():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(DIM, 8), nn.ReLU(), nn.Linear(8, INPUTS), nn.Sigmoid())


def vae(beta, seed=0):
    torch.manual_seed(2)
    encoder = GaussianEncoder(nn.Linear(INPUTS, 2 * DIM))
    return VAE(encoder, decoder(), generator(seed), beta=beta)


def rae(lam, decay):
    torch.manual_seed(2)
    encoder = Encoder(nn.Linear(INPUTS, DIM), Gaussian(DIM))
    return RAE(encoder, decoder(), generator(), lam=lam, decay=decay)


def slopes(objective, loss):
    return torch.autograd.grad(loss, list(objective.parameters()))


# --- VAE ---------------------------------------------------------------------------------------

def test_divergence_is_that_of_torchs_distributions():
    mean, log_variance = (torch.randn(30, 5, generator=generator(k), dtype=torch.float64)
                          .requires_grad_() for k in range(2))
    posterior = Independent(Normal(mean, (log_variance / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros(5).double(), torch.ones(5).double()), 1)
    oracle = kl_divergence(posterior, prior).mean()
    value = divergence_from_normal(mean, log_variance)
    torch.testing.assert_close(value, oracle)
    for found, exact in zip(*(torch.autograd.grad(v, (mean, log_variance))
                              for v in (value, oracle)), strict=True):
        torch.testing.assert_close(found, exact)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_vae_loss_is_the_negative_bound_on_the_likelihood(beta):
    """Of x ~ N(g(z), I / 2), less its constant: -log p(x | z) is then the squared error."""
    objective, given = vae(beta), batch()
    terms, step = objective.loss(given)
    mean, log_variance = objective.encoder.posterior(given.x)
    posterior = Independent(Normal(mean, (log_variance / 2).exp()), 1)
    z = mean + posterior.stddev * torch.randn(N, DIM, generator=generator())
    torch.testing.assert_close(step.z, z)
    likelihood = Normal(objective.decoder(z), 0.5**0.5)
    bound = likelihood.log_prob(given.x).sum(1) - likelihood.log_prob(likelihood.mean).sum(1)
    prior = Independent(Normal(torch.zeros(DIM), torch.ones(DIM)), 1)
    oracle = (2 * beta * kl_divergence(posterior, prior) - bound).mean()
    torch.testing.assert_close(terms["loss"], oracle)
    torch.testing.assert_close(terms["loss"],
                               terms["reconstruction"] + 2 * beta * terms["divergence"])


def test_vae_without_divergence_is_an_autoencoder_with_noise():
    """Also in its gradient, and in the next step, whose noise is fresh."""
    objective, given, noise = vae(0.0), batch(), generator()
    for _ in range(2):
        mean, log_variance = objective.encoder.posterior(given.x)
        noisy = mean + (log_variance / 2).exp() * torch.randn(N, DIM, generator=noise)
        oracle = (objective.decoder(noisy) - given.x).square().sum() / N
        loss = objective.loss(given)[0]["loss"]
        torch.testing.assert_close(loss, oracle, rtol=1e-6, atol=0)
        for found, exact in zip(slopes(objective, loss), slopes(objective, oracle), strict=True):
            torch.testing.assert_close(found, exact)


def test_vae_draws_from_its_generator_alone():
    losses = []
    for seed in (0, 0, 1):
        objective, state = vae(1.0, seed), torch.get_rng_state()
        losses.append(float(objective.loss(batch())[0]["loss"].detach()))
        assert torch.equal(state, torch.get_rng_state())
    assert losses[0] == losses[1] != losses[2]


def test_codes_of_a_vae_are_posterior_means_and_of_unit_variance_at_a_large_beta():
    objective = vae(beta=100.0)
    torch.testing.assert_close(objective.encoder(batch().x),
                               objective.encoder.posterior(batch().x)[0])
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.03)
    for _ in range(300):
        optimizer.zero_grad()
        objective.loss(batch())[0]["loss"].backward()
        optimizer.step()
    mean, log_variance = objective.encoder.posterior(batch().x)
    assert float(mean.detach().abs().max()) < 0.1
    assert float(log_variance.detach().abs().max()) < 0.1


# --- RAE ---------------------------------------------------------------------------------------

def test_rae_loss_by_hand():
    objective, given = rae(lam=0.3, decay=0.01), batch()
    z = given.x.double() @ objective.encoder.network.weight.double().T
    z = z + objective.encoder.network.bias.double()
    squares = sum(p.double().square().sum() for p in objective.decoder.parameters())
    error = (objective.decoder(z.float()).double() - given.x).square().sum() / N
    norms = z.square().sum() / N
    terms, step = objective.loss(given)
    torch.testing.assert_close(step.z, z.float())
    for name, by_hand in (("loss", error + 0.3 * norms / 2 + 0.005 * squares),
                          ("penalty", norms / 2), ("reconstruction", error)):
        torch.testing.assert_close(terms[name].double(), by_hand, rtol=1e-5, atol=0)


def test_weight_decay_is_adams_on_the_decoder_alone():
    ours, theirs = rae(lam=0.3, decay=0.01), rae(lam=0.3, decay=0.0)
    one = torch.optim.Adam(ours.parameters(), lr=0.01)
    other = torch.optim.Adam([
        {"params": theirs.encoder.parameters()},
        {"params": theirs.decoder.parameters(), "weight_decay": 0.01}], lr=0.01)
    for _ in range(20):
        for objective, optimizer in ((ours, one), (theirs, other)):
            optimizer.zero_grad()
            objective.loss(batch())[0]["loss"].backward()
            optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


# --- as declared -------------------------------------------------------------------------------

def test_objective_brings_its_prior_and_weight_with_it():
    found = {name: resolve(RUN, name, {}) for name in OBJECTIVES}
    assert all(run.objective == run.method == name for name, run in found.items())
    assert {name: (run.prior, run.lam) for name, run in found.items()} == {
        "svae": ("sphere", 1.0), "vae": ("gaussian", 1.0), "rae": ("gaussian", 7.0)}
    assert resolve(RUN, "rae", {"lam": 0.5, "decay": 0}).lam == 0.5
    assert dict(resolve(RUN, "vae", {"beta": 4}).hyper) == {"beta": 4.0}
    assert OBJECTIVES["rae"].priors == ()  # no measure of draws from a prior applies


@pytest.mark.parametrize("name", OBJECTIVES)
def test_impossible_settings_of_an_objective_are_named(name):
    with pytest.raises(UsageError, match=f"{name} trains a decoder"):
        resolve(replace(RUN, objective="latent"), name, {})
    if not OBJECTIVES[name].weighted:
        assert "lam" not in settable(name)
        with pytest.raises(UsageError, match=f"unknown hyper-parameter of {name} 'lam'"):
            resolve(RUN, name, {"lam": 2.0})
    for key in OBJECTIVES[name].hyper:
        with pytest.raises(UsageError, match=f"{name}:{key} must be at least 0, not -1"):
            resolve(RUN, name, {key: -1.0})


def test_every_method_has_a_weight():
    assert all(method.weighted and method.priors for method in METHODS.values())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_trained_objective_is_read_back_with_its_codes(name, tmp_path):
    """Codes are (n, d): posterior means, or what is decoded as it is."""
    run = resolve(replace(RUN, dim=4), name, {})
    prior = Gaussian(4)
    objective = build(run, (1, 28, 28), prior, generator(), tmp_path)
    path = tmp_path / "weights"
    path.write_bytes(weights_to_bytes(objective))
    model = load_model(run, (1, 28, 28), path, "cpu")
    x = torch.rand(5, 1, 28, 28, generator=generator(1))
    trained = TrainedModel(run, model, Split(x, None), tmp_path, "cpu")
    with torch.no_grad():
        codes = objective.encoder(x)
        assert trained.codes.shape == (5, 4)
        assert torch.equal(trained.codes, codes)
        if name != "svae":
            torch.testing.assert_close(trained.samples, trained.decode(
                prior.sample(5, trained.draws("samples"))), rtol=0, atol=0)
    first, again = (autoencoder(run, (1, 28, 28), prior)[0].network[1].weight for _ in range(2))
    assert torch.equal(first, again)
