"""The first two moments of the codes, as a control (cf. VICReg, Bardes et al. 2022)."""

import torch
from torch import Tensor

from methods.base import Context, Regularizer, Step


def moment_mismatch(z: Tensor, variance: float) -> Tensor:
    """||mean z||^2 + ||Cov z - variance I||_F^2 / d; z: (n, d), n >= 2, unbiased covariance.

    It sees nothing beyond the second moments: it is 0 for many other distributions."""
    excess = torch.cov(z.T) - variance * torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    return z.mean(dim=0).square().sum() + excess.square().sum() / z.shape[1]


class Moments(Regularizer):
    """Distance of mean and covariance from the prior's, 0 and a multiple of I: no draws of it."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.variance = context.prior.unit_variance_scale**-2  # of every slice

    def penalty(self, step: Step) -> Tensor:
        """The mismatch of the batch's codes."""
        return moment_mismatch(step.z, self.variance)
