"""SWAE: the sliced Wasserstein distance (Kolouri et al. 2018)."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from methods.base import Context, Regularizer, Step


def directions(n: int, dim: int, generator: torch.Generator) -> Tensor:
    """(dim, n): n independent uniform unit vectors as columns, on the generator's device."""
    return normalize(torch.randn(dim, n, generator=generator, device=generator.device), dim=0)


def sliced_w2_squared(z: Tensor, prior: Tensor, projections: Tensor) -> Tensor:
    """Squared 2-Wasserstein distance of the one-dimensional projections, averaged over them.

    z, prior: (n, d), ValueError if their lengths differ; projections: (d, L)."""
    if len(z) != len(prior):
        raise ValueError(f"sliced Wasserstein needs as many prior draws ({len(prior)}) "
                         f"as codes ({len(z)})")
    sliced_z, sliced_prior = (z @ projections).sort(dim=0)[0], (prior @ projections).sort(dim=0)[0]
    return (sliced_z - sliced_prior).square().mean()


class SlicedWasserstein(Regularizer):
    """Squared sliced Wasserstein distance, with directions drawn again at every step."""

    def __init__(self, context: Context, *, projections: int) -> None:
        super().__init__()
        self.projections, self.dim, self.generator = projections, context.dim, context.generator

    def penalty(self, step: Step) -> Tensor:
        """Sliced W2^2 between the codes and the step's prior draws."""
        projections = directions(self.projections, self.dim, self.generator).to(step.z)
        return sliced_w2_squared(step.z, step.prior, projections)
