"""KoLeo: the entropy of the codes by their nearest neighbours (Sablayrolles et al. 2019)."""

import torch
from torch import Tensor

from methods.base import Context, Regularizer, Step
from methods.priors import require_sphere

EPS = 1e-8  # DINOv2, koleo_loss.py


def koleo(z: Tensor) -> Tensor:
    """-(1/B) sum_i log(min_{j != i} ||z_i - z_j|| + 1e-8); z: (B, d) on the unit sphere.

    Up to a constant the Kozachenko-Leonenko estimate of the negative entropy, over d - 1. Equal
    codes have no direction in which to part, and gradient 0."""
    with torch.no_grad():  # on the sphere the nearest has the largest scalar product
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        nearest = (z @ z.T).masked_fill(itself, -torch.inf).argmax(dim=1)
        # of ones and zeros: a GPU adds up the gradients of z[nearest] in a varying order
        chosen = (torch.arange(len(z), device=z.device) == nearest[:, None]).to(z.dtype)
    # not from the scalar product, in which close codes lose their digits
    return -torch.log((z - chosen @ z).norm(dim=1) + EPS).mean()


class KoLeo(Regularizer):
    """Repulsion of nearest neighbours; raises ValueError for a prior other than the sphere."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        require_sphere(context.prior, "koleo")

    def penalty(self, step: Step) -> Tensor:
        """`koleo` of the batch's codes."""
        return koleo(step.z)
