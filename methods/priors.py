"""The latent priors and the supports that codes are constrained to."""

from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize

EQUAL = 1e-6  # radians; closer directions are one in single precision


class Prior(Protocol):
    """A distribution over R^dim, and the few facts about it that methods scale themselves by."""

    @property
    def dim(self) -> int:
        """Dimension of the latent space."""

    @property
    def mean_squared_distance(self) -> float:
        """E ||x - y||^2 of two independent draws."""

    @property
    def unit_variance_scale(self) -> float:
        """Factor that gives every one-dimensional slice variance 1."""

    @property
    def diameter(self) -> float:
        """Length that practically no two draws exceed."""

    def constrain(self, z: Tensor) -> Tensor:
        """Maps raw codes (n, dim) to the support."""

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """(n, dim) independent draws on the generator's device."""

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """(n, dim) points of the support at fractions t (n, 1) of the shortest way from a to b."""


@dataclass(frozen=True)
class Sphere:
    """Uniform on the unit sphere S^(dim-1) of R^dim: N(0, I) / ||N(0, I)|| (MoCA, Section 3)."""

    dim: int
    mean_squared_distance = 2.0
    diameter = 2.0

    @property
    def unit_variance_scale(self) -> float:
        """sqrt(dim): a slice of the unit sphere has variance 1/dim."""
        return sqrt(self.dim)

    def constrain(self, z: Tensor) -> Tensor:
        """Z / ||z||, row by row."""
        return normalize(z, dim=1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """(n, dim) uniform draws, each of unit norm."""
        return normalize(Gaussian(self.dim).sample(n, generator), dim=1)

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """Equal steps of angle along the great circle through unit a and b (Shoemake 1985).

        Opposite points have no shortest way; which of them is taken is left to rounding."""
        # atan2 keeps its digits where arccos of the scalar product loses them
        angle = 2 * torch.atan2((a - b).norm(), (a + b).norm())
        if angle < EQUAL:
            return a.expand(len(t), -1)
        weighted = torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b
        return normalize(weighted, dim=1)


@dataclass(frozen=True)
class Gaussian:
    """Standard normal on R^dim, the prior of the original WAE (Tolstikhin et al. 2018)."""

    dim: int
    unit_variance_scale = 1.0

    @property
    def mean_squared_distance(self) -> float:
        """2 dim."""
        return 2.0 * self.dim

    @property
    def diameter(self) -> float:
        """Twice the mean norm and six standard deviations of it."""
        return 2 * sqrt(self.dim) + 6

    def constrain(self, z: Tensor) -> Tensor:
        """Z itself."""
        return z

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """(n, dim) standard normal draws."""
        return torch.randn(n, self.dim, generator=generator, device=generator.device)

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """Points of the straight line."""
        return (1 - t) * a + t * b


PRIORS: dict[str, type[Sphere] | type[Gaussian]] = {"sphere": Sphere, "gaussian": Gaussian}


def require_sphere(prior: Prior, method: str) -> None:
    """Raises ValueError where a method that only spreads points out meets an unbounded support."""
    if not isinstance(prior, Sphere):
        raise ValueError(f"{method} matches the uniform law on the sphere; it has no {prior} form")
