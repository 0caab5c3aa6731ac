"""CWAE: the Cramer-Wold distance between two samples (Knop et al. 2018)."""

from math import gamma, pi, sqrt

from scipy.special import roots_jacobi
import torch
from torch import Tensor

from methods.base import Context, Regularizer, Step
from methods.mmd import squared_distances

ASYMPTOTIC_FROM = 8  # below this dimension CWAE's closed form of phi errs by over 3 %
LARGE = 200.0  # beyond it 64 nodes do not resolve the integrand, and the expansion is exact to 1e-7


def phi(s: Tensor, dim: int) -> Tensor:
    """phi_D(s) = 1F1(1/2; D/2; -s), elementwise, s >= 0, D >= 2.

    For D >= 8, CWAE's approximation (1 + 4s / (2D - 3))^(-1/2). For D < 8, accurate to 1e-6: 1F1 is
    the mean of exp(-s u_1^2) over the unit sphere, computed by Gauss-Jacobi quadrature over u_1,
    and for large s by its expansion in 1/s."""
    if dim >= ASYMPTOTIC_FROM:
        return (1 + 4 * s / (2 * dim - 3)).rsqrt()
    far = s > LARGE
    near = _mean_over_sphere(s.masked_fill(far, 0), dim)  # each formula only sees s in its range
    return torch.where(far, _expansion(s.masked_fill(~far, LARGE), dim), near)


def _mean_over_sphere(s: Tensor, dim: int) -> Tensor:
    nodes, weights = roots_jacobi(64, (dim - 3) / 2, (dim - 3) / 2)
    total = sqrt(pi) * gamma((dim - 1) / 2) / gamma(dim / 2)
    mean = torch.zeros_like(s)
    for node, weight in zip(nodes, weights / total, strict=True):
        mean = mean + float(weight) * torch.exp(-float(node) ** 2 * s)
    return mean


def _expansion(s: Tensor, dim: int) -> Tensor:
    """Gamma(b) / Gamma(b - a) s^-a sum_{k<=4} (a)_k (1 + a - b)_k / (k! s^k), a = 1/2, b = D/2."""
    term, total = torch.ones_like(s), torch.ones_like(s)
    for k in range(4):
        term = term * (0.5 + k) * (1.5 - dim / 2 + k) / ((k + 1) * s)
        total = total + term
    return gamma(dim / 2) / gamma((dim - 1) / 2) * s.rsqrt() * total


def cramer_wold(x: Tensor, y: Tensor) -> Tensor:
    """Squared two-sample distance, diagonal included (a V-statistic), as in gmum's cw_sampling.

    x, y: (N, D), ValueError if their lengths differ. Their slices should have unit variance, which
    Silverman's bandwidth (4 / (3N))^(2/5) assumes."""
    if len(x) != len(y):
        raise ValueError(f"Cramer-Wold needs as many prior draws ({len(y)}) as codes ({len(x)})")
    n, dim = x.shape
    bandwidth = (4 / (3 * n)) ** 0.4
    xx, yy, xy = (
        phi(squared_distances(a, b) / (4 * bandwidth), dim).sum()
        for a, b in ((x, x), (y, y), (x, y)))
    return (xx + yy - 2 * xy) / (2 * n * n * sqrt(pi * bandwidth))


class CramerWold(Regularizer):
    """log(CW + 1e-7) as in CWAE, or CW itself, on codes scaled to slices of unit variance."""

    def __init__(self, context: Context, *, log: bool) -> None:
        super().__init__()
        self.scale, self.log = context.prior.unit_variance_scale, log

    def penalty(self, step: Step) -> Tensor:
        """The distance between the scaled codes and the scaled prior draws."""
        distance = cramer_wold(self.scale * step.z, self.scale * step.prior)
        return torch.log(distance + 1e-7) if self.log else distance
