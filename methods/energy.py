"""The energy distance between codes and prior draws (Szekely and Rizzo 2013)."""

import torch
from torch import Tensor

from methods.base import Context, Regularizer, Step


def distances(a: Tensor, b: Tensor) -> Tensor:
    """||a_i - b_j||: (n, d), (m, d) -> (n, m), with gradient 0 where they coincide."""
    # by scalar products, small distances would be rounding errors
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def energy_distance(z: Tensor, prior: Tensor) -> Tensor:
    """2 E||z - p|| - E||z - z'|| - E||p - p'||, unbiased; z: (n, d), prior: (m, d), n, m >= 2.

    Zero if and only if the distributions are equal; the estimate can be negative."""
    within = sum(distances(x, x).sum() / (len(x) * (len(x) - 1)) for x in (z, prior))
    return 2 * distances(z, prior).mean() - within


class Energy(Regularizer):
    """The energy distance; it has no parameter."""

    def __init__(self, context: Context) -> None:
        super().__init__()

    def penalty(self, step: Step) -> Tensor:
        """The U-statistic between the batch's codes and the step's prior draws."""
        return energy_distance(step.z, step.prior)
