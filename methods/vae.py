"""VAE: a variational autoencoder with a Gaussian posterior (Kingma and Welling 2013)."""

import torch
from torch import Tensor, nn

from methods.base import Batch, Objective, Step
from methods.networks import EncoderBase
from methods.precision import call
from methods.priors import Prior


class GaussianEncoder(EncoderBase):
    """Encoder to a Gaussian posterior with a diagonal covariance; `network` has 2 d outputs."""

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns mean and log variance, both (B, d)."""
        mean, log_variance = call(self.network, x, self.mixed).chunk(2, dim=1)
        return mean, log_variance

    def forward(self, x: Tensor) -> Tensor:
        """The code of x: its posterior's mean (B, d)."""
        return self.posterior(x)[0]


def divergence_from_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag e^log_variance) || N(0, I)), averaged over the batch; both (B, d)."""
    each = mean.square() + log_variance.exp() - 1 - log_variance
    return each.sum() / (2 * len(mean))


class VAE(Objective):
    """Squared error, summed over pixels, plus 2 beta KL: the posterior's of x ~ N(g(z), I / 2).

    Codes of points are posterior means; prior draws are decoded as they are."""

    regularizer = None

    def __init__(
        self, encoder: GaussianEncoder, decoder: nn.Module, generator: torch.Generator, *,
        beta: float,
    ) -> None:
        super().__init__()
        self.encoder: GaussianEncoder = encoder
        self.decoder: nn.Module = decoder
        self.generator, self.beta = generator, beta

    @staticmethod
    def outputs(dim: int) -> int:
        """Mean and log variance."""
        return 2 * dim

    @staticmethod
    def encoder_on(network: nn.Module, prior: Prior) -> EncoderBase:
        """The encoder to a posterior."""
        return GaussianEncoder(network)

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Step]:
        """Of one posterior draw per point, by reparametrisation; averaged over the batch."""
        mean, log_variance = self.encoder.posterior(batch.x)
        noise = torch.randn(mean.shape, generator=self.generator, device=self.generator.device)
        z = mean + (log_variance / 2).exp() * noise.to(mean)
        reconstruction = (self.decoded(z) - batch.x).square().sum() / len(z)
        divergence = divergence_from_normal(mean, log_variance)
        step = Step(self.encoder, batch.x, batch.index, z, batch.prior, batch.progress)
        terms = {"loss": reconstruction + 2 * self.beta * divergence, "divergence": divergence,
                 "reconstruction": reconstruction}
        return terms, step
