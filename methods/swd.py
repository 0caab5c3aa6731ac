"""SWAE: the sliced Wasserstein distance (Kolouri et al. 2018)."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from methods.base import Context, Regularizer, Step
from methods.memory import Memory


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
    """Squared sliced Wasserstein distance, with directions drawn again at every step.

    `memory`: past codes that join the batch, and as many further prior draws; m0: see `Memory`."""

    def __init__(self, context: Context, *, projections: int, memory: int, m0: float) -> None:
        super().__init__()
        self.projections, self.generator = projections, context.generator
        self.prior = context.prior
        self.memory = Memory(context, memory, m0) if memory else None

    def penalty(self, step: Step) -> Tensor:
        """Sliced W2^2 between the codes and the step's prior draws."""
        z, prior = step.z, step.prior
        projections = directions(self.projections, z.shape[1], self.generator).to(z)
        if self.memory is not None:
            draws = self.prior.sample(len(self.memory.codes), self.generator)
            z, prior = torch.cat([z, self.memory.codes]), torch.cat([prior, draws.to(z)])
        return sliced_w2_squared(z, prior, projections)

    def after_step(self, step: Step) -> None:
        """Remembers the batch's codes."""
        if self.memory is not None:
            self.memory.remember(step)
