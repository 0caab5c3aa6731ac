"""WAE-GAN: a critic on the codes, trained along with the autoencoder (Tolstikhin et al. 2018)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from methods.base import Context, Regularizer, Step
from methods.mlp import perceptron


def bce(logits: Tensor, label: float) -> Tensor:
    """Binary cross entropy of logits (B, 1) against a single label, mean over the batch."""
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


class GAN(Regularizer):
    """Non-saturating loss against a ReLU critic without batch norm.

    Codes and prior draws are scaled to unit variance per coordinate: a unit vector in R^d has 1/d.
    WAE's log p(z) trick is left out, since it is a constant on the sphere."""

    def __init__(
        self, context: Context, *, hidden: int, layers: int, critic_lr: float, critic_beta1: float
    ) -> None:
        super().__init__()
        self.critic = nn.Sequential(*perceptron([context.dim, *[hidden] * layers, 1]))
        self.critic.to(context.generator.device)
        self.scale = context.prior.unit_variance_scale
        self.adversary_lr, self.adversary_beta1 = critic_lr, critic_beta1

    def penalty(self, step: Step) -> Tensor:
        """BCE(D(z), 1): low when the critic takes the codes for draws of the prior."""
        return bce(self.critic(self.scale * step.z), 1.0)

    def adversary(self) -> nn.Module:
        """Returns the critic."""
        return self.critic

    def adversary_loss(self, step: Step) -> Tensor:
        """BCE on the prior draws, and on the images encoded again after the update (wae.py)."""
        with torch.no_grad():
            z = step.encoder(step.x)
        real, coded = self.critic(self.scale * step.prior), self.critic(self.scale * z)
        return bce(real, 1.0) + bce(coded, 0.0)
