"""S-VAE: a variational autoencoder on the sphere, compared with MoCA in Figure 7."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, normalize, softplus

from methods.base import Batch, Objective, Step
from methods.networks import EncoderBase
from methods.precision import call
from methods.priors import Prior
from methods.von_mises_fisher import divergence_from_uniform, sample


class VonMisesEncoder(EncoderBase):
    """Encoder to a von Mises-Fisher posterior: x -> mean direction mu, concentration kappa.

    `network` has d + 1 outputs; kappa = softplus + 1, as in the S-VAE code (examples/mnist.py)."""

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns mu (B, d), of unit norm, and kappa (B, 1) > 1."""
        raw = call(self.network, x, self.mixed)
        return normalize(raw[:, :-1], dim=1), softplus(raw[:, -1:]) + 1

    def forward(self, x: Tensor) -> Tensor:
        """The code of x: its posterior's mean direction (B, d)."""
        return self.posterior(x)[0]


class SVAE(Objective):
    """Bernoulli log-likelihood of a binarised image plus KL(vMF || U) (Davidson et al. 2018).

    Images in [0, 1] are binarised again at every step. The sampler draws until every proposal is
    accepted, so a step cannot be captured as a CUDA graph."""

    capturable = False
    regularizer = None

    def __init__(
        self, encoder: VonMisesEncoder, decoder: nn.Module, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.encoder: VonMisesEncoder = encoder
        self.decoder: nn.Module = decoder
        self.generator = generator

    @staticmethod
    def outputs(dim: int) -> int:
        """Mean direction and concentration."""
        return dim + 1

    @staticmethod
    def encoder_on(network: nn.Module, prior: Prior) -> EncoderBase:
        """The encoder to a posterior."""
        return VonMisesEncoder(network)

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Step]:
        """Cross entropy summed over pixels plus the divergence, averaged over the batch."""
        x = torch.bernoulli(batch.x, generator=self.generator)
        mu, kappa = self.encoder.posterior(x)
        z = sample(mu, kappa, self.generator)
        p = self.decoded(z)
        # of NaN it raises, on a GPU by an assertion that ends the process; the loss is to be NaN
        likelihood = binary_cross_entropy(p.nan_to_num(0.5), x, reduction="sum") / len(x)
        likelihood = likelihood.where(~p.isnan().any(), torch.nan)
        divergence = divergence_from_uniform(kappa, mu.shape[1]).mean()
        step = Step(self.encoder, x, batch.index, z, batch.prior, batch.progress)
        terms = {"loss": likelihood + divergence, "divergence": divergence,
                 "cross_entropy": likelihood}
        return terms, step
