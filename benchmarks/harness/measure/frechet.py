"""Frechet distance between Gaussians fitted to features (Heusel et al. 2017), in float64."""

from typing import NamedTuple

import torch
from torch import Tensor


class Gaussian(NamedTuple):
    """Mean (d,) and covariance (d, d) of n features, divided by n - 1."""

    mean: Tensor
    covariance: Tensor


def fit(features: Tensor) -> Gaussian:
    """The Gaussian of features (n, d); raises ValueError for fewer than two."""
    if len(features) < 2:
        raise ValueError(f"a covariance needs at least 2 features, not {len(features)}")
    x = features.double()
    mean = x.mean(dim=0)
    centred = x - mean
    return Gaussian(mean, centred.T @ centred / (len(x) - 1))


def factor(covariance: Tensor) -> Tensor:
    """F (d, d) with F F^T the covariance: Cholesky's, or, where the rank is short of d, a root.

    In the root, eigenvalues that are rounding count as zero.
    """
    half: Tensor
    half, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        values, vectors = torch.linalg.eigh(covariance)
        half = vectors * significant(values).sqrt()
    return half


def significant(values: Tensor) -> Tensor:
    """Eigenvalues of a positive semidefinite matrix, those within rounding of zero set to it."""
    rounding = len(values) * torch.finfo(values.dtype).eps * values.max()
    return torch.where(values > rounding, values, 0.0)


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """||m_a - m_b||^2 + tr(A + B - 2 (A B)^(1/2)).

    With A = F F^T, A B has the eigenvalues of the symmetric F^T B F, which are real and at least 0
    by construction; the trace is the sum of their roots, whatever the ranks of A and B.
    """
    half = factor(a.covariance)
    middle = half.T @ b.covariance @ half
    shared = significant(torch.linalg.eigvalsh((middle + middle.T) / 2)).sqrt().sum()
    distance = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace()
    return float(distance - 2 * shared)
