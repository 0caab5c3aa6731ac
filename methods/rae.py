"""RAE-L2: an autoencoder with small codes and a smooth decoder (Ghosh et al. 2020)."""

import torch
from torch import Tensor, nn

from methods.base import Batch, Objective, Step


class RAE(Objective):
    """Squared error, summed over pixels, + lam ||z||^2 / 2, with weight decay on the decoder.

    There is no prior: samples are decoded from a density that is fitted to the codes afterwards."""

    regularizer = None

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, generator: torch.Generator, *, lam: float,
        decay: float,
    ) -> None:
        super().__init__()
        self.encoder, self.lam, self.decay = encoder, lam, decay
        self.decoder: nn.Module = decoder

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Step]:
        """Averaged over the batch; the decay's gradient is decay x weight, as Adam's option has."""
        z = self.encoder(batch.x)
        reconstruction = (self.decoded(z) - batch.x).square().sum() / len(z)
        penalty = z.square().sum() / (2 * len(z))
        squares = torch.stack([p.square().sum() for p in self.decoder.parameters()]).sum()
        loss = reconstruction + self.lam * penalty + self.decay / 2 * squares
        step = Step(self.encoder, batch.x, batch.index, z, batch.prior, batch.progress)
        return {"loss": loss, "penalty": penalty, "reconstruction": reconstruction}, step
