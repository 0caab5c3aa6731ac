"""Spherical sliced Wasserstein distance to the uniform law (Bonet et al. 2023)."""

from math import pi

import torch
from torch import Tensor
from torch.nn.functional import normalize

from methods.base import Context, Regularizer, Step
from methods.priors import require_sphere
from methods.swd import directions


def great_circles(n: int, dim: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Uniform pairs of orthonormal vectors: the columns of two arrays (dim, n).

    By Gram-Schmidt, since a QR factorisation waits for the GPU."""
    a, b = directions(n, dim, generator), directions(n, dim, generator)
    return a, normalize(b - (a * b).sum(dim=0) * a, dim=0)


def spherical_w2_squared(z: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Squared 2-Wasserstein distance on a circle of length 1 to its uniform law, mean over circles.

    z: (n, d) points of the sphere, projected to the great circles through the columns of a and b
    (d, L), which are orthonormal. Proposition 1 of Bonet et al.; where a circle is cut open does
    not matter."""
    n = len(z)
    u = torch.atan2(z @ b, z @ a).T.sort(dim=1)[0] / (2 * pi)  # (L, n)
    rank = torch.arange(n - 1, -n, -2, dtype=z.dtype, device=z.device)  # n + 1 - 2i, i = 1 to n
    return (u.var(dim=1, correction=0) + u @ rank / n**2).mean() + 1 / 12


class SphericalSlicedWasserstein(Regularizer):
    """Distance of the codes to the uniform law in closed form, on circles drawn at every step.

    Uses no prior draws. Raises ValueError for a prior other than the sphere."""

    def __init__(self, context: Context, *, projections: int) -> None:
        super().__init__()
        require_sphere(context.prior, "ssw")
        self.projections, self.dim, self.generator = projections, context.dim, context.generator

    def penalty(self, step: Step) -> Tensor:
        """Spherical sliced W2^2 of the batch's codes."""
        circles = great_circles(self.projections, self.dim, self.generator)
        return spherical_w2_squared(step.z, *(axis.to(step.z) for axis in circles))
