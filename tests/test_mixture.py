"""Ex-post density: a mixture fitted to codes finds what the prior misses."""

from math import pi
from types import SimpleNamespace

from contract import generator
import pytest
import torch

from benchmarks.harness.data.datasets import Split
from benchmarks.harness.measure import features
from benchmarks.harness.measure.latent_metrics import discrepancy
from benchmarks.harness.measure.measures import MEASURES
from benchmarks.harness.measure.mixture import COMPONENTS, mixture_samples
from methods.priors import PRIORS


class Known:
    """Stands for a trained model with codes of our choice; a code is the image itself."""

    device, random_state = "cpu", 0

    def __init__(self, codes, n, prior="gaussian"):
        self.codes, self.n, self.prior = codes, n, PRIORS[prior](codes.shape[1])

    def training_codes(self, most):
        return self.codes[:most]

    def decode(self, z):
        return z[:, None, None]


def ring(n, seed):
    """Ten Gaussians on a circle."""
    draws = generator(seed)
    angle = 2 * pi / COMPONENTS * torch.randint(COMPONENTS, (n,), generator=draws)
    centres = 5 * torch.stack([angle.cos(), angle.sin()], dim=1)
    return centres + 0.3 * torch.randn(n, 2, generator=draws)


def test_mixture_finds_a_ring_of_gaussians():
    made = mixture_samples(Known(ring(4000, 0), 1000)).flatten(1)
    value, floor = discrepancy(torch.neg, made.double(), ring(1000, 1).double())
    assert value < 4 * floor
    gaussian = made.mean(0) + made.std(0) * torch.randn(1000, 2, generator=generator(2))
    apart, _ = discrepancy(torch.neg, gaussian.double(), ring(1000, 1).double())
    assert apart > 10 * floor  # a single Gaussian with its mean and spread is no ring


def test_draws_of_the_mixture_lie_on_the_priors_support():
    codes = PRIORS["sphere"](3).sample(500, generator(0))
    made = mixture_samples(Known(codes, 50, "sphere")).flatten(1)
    assert made.norm(dim=1).tolist() == pytest.approx([1] * 50, abs=1e-6)


class Pixels(torch.nn.Module):
    """Stands for a network whose features are the pixels."""

    def features_of_any(self, x):
        return 10 * x.flatten(1)


def generated(codes, n=500):
    """A model whose decoder squashes codes into pixels; its data are its own decoded codes."""
    law = PRIORS["gaussian"](4)

    def decode(z):
        return torch.sigmoid(z).view(-1, 1, 2, 2)

    images = (decode(codes[-n:]) * 255).round().to(torch.uint8)
    return SimpleNamespace(
        n=n, device="cpu", random_state=0, prior=law, test=Split(images, None), decode=decode,
        training_codes=lambda most: codes[:most], at_once=1000,
        samples=decode(law.sample(n, generator(9))), draws=lambda name: generator(3))


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_mixture_gains_what_the_codes_miss_of_the_prior(name, monkeypatch):
    monkeypatch.setattr(features, "shipped_classifier", lambda name: Pixels())

    def distances(codes):
        found = [MEASURES[kind](generated(codes)).numbers for kind in (name, f"{name}_gmm")]
        return found[0][f"fd_{name}"], found[1][f"fd_{name}_gmm"]

    draws = torch.randn(3000, 4, generator=generator(1))
    matched, mixed = distances(draws)
    missed, gained = distances(0.4 * draws + 1)
    assert max(matched, mixed) < 0.3
    assert matched == pytest.approx(mixed, abs=0.2)
    assert missed > 10
    assert gained < 0.3
