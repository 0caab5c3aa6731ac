"""Scores of generated images against real ones, in the features of a named network."""

from typing import NamedTuple

import torch
from torch import Tensor

# extractor -> names of its Frechet and kernel distances; `fid` is reserved for Inception-2015
SCORE_NAMES = {"inception": ("fid", "kid"), "cifar10": ("fd_cifar10", "kd_cifar10"),
               "mnist": ("fd_mnist", "kd_mnist")}


def feature_scores(
    extractor: str, *, real: Tensor, made: Tensor, draws: torch.Generator
) -> dict[str, float]:
    """All scores by column name; features (n, d) and (m, d), on one device, where it computes."""
    frechet, kernel = SCORE_NAMES[extractor]
    mean, deviation = kernel_distance(real, made, draws)
    manifold = manifold_scores(real=real, made=made)
    return {
        frechet: frechet_distance(fit_gaussian(real), fit_gaussian(made)),
        kernel: mean, f"{kernel}_std": deviation,
        **{f"{name}_{extractor}": value for name, value in manifold.items()}}


def as_8_bits(images: Tensor) -> Tensor:
    """Images (n, C, H, W) in [0, 1], clamped and rounded to uint8, as they would be stored."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)


class Gaussian(NamedTuple):
    """Mean (d,) and covariance (d, d) of n features, divided by n - 1."""

    mean: Tensor
    covariance: Tensor


def fit_gaussian(features: Tensor) -> Gaussian:
    """The Gaussian of features (n, d); raises ValueError for fewer than two."""
    if len(features) < 2:
        raise ValueError(f"a covariance needs at least 2 features, not {len(features)}")
    x = features.double()
    mean = x.mean(dim=0)
    centred = x - mean
    return Gaussian(mean, centred.T @ centred / (len(x) - 1))


def factor(covariance: Tensor) -> Tensor:
    """F (d, d) with F F^T = covariance: Cholesky's, or from eigenvectors if the rank is below d."""
    half: Tensor
    half, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        values, vectors = torch.linalg.eigh(covariance)
        half = vectors * significant(values).sqrt()
    return half


def significant(values: Tensor) -> Tensor:
    """Eigenvalues of a positive semidefinite matrix; those within rounding of zero become zero."""
    rounding = len(values) * torch.finfo(values.dtype).eps * values.max()
    return torch.where(values > rounding, values, 0.0)


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """||m_a - m_b||^2 + tr(A + B - 2 (A B)^(1/2)).

    With A = F F^T, A B has the eigenvalues of the symmetric F^T B F, which are real and at least 0
    by construction; the trace is the sum of their roots, whatever the ranks of A and B."""
    half = factor(a.covariance)
    middle = half.T @ b.covariance @ half
    shared = significant(torch.linalg.eigvalsh((middle + middle.T) / 2)).sqrt().sum()
    distance = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace()
    return float(distance - 2 * shared)


SUBSETS = 100
SUBSET = 1000


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x.y / d + 1)^3: features (n, d), (m, d) -> (n, m)."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def squared_mmd(x: Tensor, y: Tensor) -> Tensor:
    """() unbiased estimate from features x (n, d) and y (n, d); it may be negative."""
    n = len(x)
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    within = (xx.sum() - xx.trace() + yy.sum() - yy.trace()) / (n * (n - 1))
    return within - 2 * xy.mean()


def kernel_distance(real: Tensor, made: Tensor, draws: torch.Generator) -> tuple[float, float]:
    """Mean and standard deviation over random subsets of 1000, or of all features if fewer.

    Subsets are drawn on the CPU, so that every device has the same; a GPU is waited for once."""
    size = min(SUBSET, len(real), len(made))
    pairs = [[torch.randperm(len(x), generator=draws)[:size] for x in (real, made)]
             for _ in range(SUBSETS)]
    chosen = [torch.stack(side).to(real.device) for side in zip(*pairs, strict=True)]
    values = torch.stack([squared_mmd(real[i].double(), made[j].double())
                          for i, j in zip(*chosen, strict=True)]).float().cpu()
    return float(values.mean()), float(values.std())


NEIGHBOURS = 5  # k of Naeem et al.
CHUNK = 1000


def precise(features: Tensor) -> Tensor:
    """Features (n, d) as distances are computed from them: on a GPU in float64.

    In float32 a GPU would round otherwise than a CPU, and find other points inside a ball. On a CPU
    they stay as they are, since stored results have been computed so."""
    return features if features.is_cpu else features.double()


def radii(features: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """(n,) distance of each of the features (n, d) to its k-th nearest other one."""
    return torch.cat([
        torch.cdist(part, features).kthvalue(k + 1, dim=1).values  # the nearest is itself
        for part in features.split(CHUNK)])  # type: ignore[no-untyped-call]


def manifold_scores(*, real: Tensor, made: Tensor, k: int = NEIGHBOURS) -> dict[str, float]:
    """Scores in [0, 1], but for density, of made features (m, d) against real ones (n, d).

    precision: share of made points inside some real point's ball. recall: share of real points
    inside some made point's ball. density: real balls around a made point, over k. coverage: share
    of real balls that hold a made point. A ball reaches to the k-th neighbour of its own kind."""
    real, made = precise(real), precise(made)
    real_radii, made_radii = radii(real, k), radii(made, k)
    # real balls around each made point
    inside = torch.zeros(len(made), dtype=torch.long, device=made.device)
    recalled, covered = [], []
    for part, radius in zip(real.split(CHUNK), real_radii.split(CHUNK), strict=True):  # type: ignore[no-untyped-call]
        distance = torch.cdist(part, made)  # (chunk, m)
        within = distance <= radius[:, None]
        inside += within.sum(dim=0)
        covered.append(within.any(dim=1))
        recalled.append((distance <= made_radii).any(dim=1))
    precision, density = (inside > 0).double().mean(), inside.double().mean() / k
    recall, coverage = (torch.cat(hits).double().mean() for hits in (recalled, covered))
    found = torch.stack([precision, recall, density, coverage]).cpu()
    return dict(zip(("precision", "recall", "density", "coverage"), found.tolist(), strict=True))
