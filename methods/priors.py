"""The latent priors, and the constraint of codes to their supports."""

from dataclasses import dataclass
from math import exp, sqrt
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize


class Prior(Protocol):
    """A distribution on R^dim, with the constants by which methods scale themselves."""

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
        """A distance that practically no two draws exceed."""

    def slice_characteristic(self, t: float) -> float:
        """E e^(its) of a slice s scaled to variance 1: real, as slices are symmetric."""

    def constrain(self, z: Tensor) -> Tensor:
        """Maps raw codes (n, dim) to points (n, dim) of the support."""

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """(n, dim) independent draws on the generator's device."""

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """(n, dim) points of the support at fractions t (n, 1) of a straight line from a to b."""


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

    def slice_characteristic(self, t: float) -> float:
        """0F1(; d/2; -d t^2 / 4) by its series, exact to 1e-10 for |t| <= 5, d = dim.

        scipy's 0F1 overflows for d > 343."""
        term = total = 1.0
        for k in range(80):
            term *= -self.dim * t * t / 4 / ((k + 1) * (self.dim / 2 + k))
            total += term
        return total

    def constrain(self, z: Tensor) -> Tensor:
        """Returns z / ||z||, row by row."""
        return normalize(z, dim=1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """(n, dim) uniform draws, each of unit norm."""
        return normalize(Gaussian(self.dim).sample(n, generator), dim=1)

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """Equal steps along the chord from unit a to b, each divided by its norm (Section 4.3).

        The middle between opposite points has no direction: it is 0."""
        return normalize((1 - t) * a + t * b, dim=1)


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
        """Twice sqrt(dim), about the mean norm, plus six: the norm's deviation is below 1."""
        return 2 * sqrt(self.dim) + 6

    def slice_characteristic(self, t: float) -> float:
        """exp(-t^2 / 2)."""
        return exp(-t * t / 2)

    def constrain(self, z: Tensor) -> Tensor:
        """Returns z unchanged: the support is all of R^dim."""
        return z

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """(n, dim) standard normal draws."""
        return torch.randn(n, self.dim, generator=generator, device=generator.device)

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """Points on the straight line from a to b."""
        return (1 - t) * a + t * b


PRIORS: dict[str, type[Sphere] | type[Gaussian]] = {"sphere": Sphere, "gaussian": Gaussian}


def require_sphere(prior: Prior, method: str) -> None:
    """Raises ValueError for another prior: a repulsive loss needs a bounded support."""
    if not isinstance(prior, Sphere):
        raise ValueError(f"{method} matches the uniform law on the sphere; it has no {prior} form")
