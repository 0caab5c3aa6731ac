"""Scores of generated images against real ones, in the features of a network that is named."""

import torch
from torch import Tensor

from benchmarks.harness.measure.frechet import fit, frechet_distance
from benchmarks.harness.measure.kernel_distance import kernel_distance
from benchmarks.harness.measure.manifold import manifold_scores

# extractor -> what its Frechet and kernel distances are called; `fid` is Inception-2015's alone
NAMES = {"inception": ("fid", "kid"), "cifar10": ("fd_cifar10", "kd_cifar10")}


def feature_scores(
    extractor: str, *, real: Tensor, made: Tensor, draws: torch.Generator
) -> dict[str, float]:
    """All scores by column name; features (n, d) and (m, d)."""
    frechet, kernel = NAMES[extractor]
    mean, deviation = kernel_distance(real, made, draws)
    manifold = manifold_scores(real=real, made=made)
    return {
        frechet: frechet_distance(fit(real), fit(made)), kernel: mean, f"{kernel}_std": deviation,
        **{f"{name}_{extractor}": value for name, value in manifold.items()},
    }


def as_8_bits(images: Tensor) -> Tensor:
    """Images (n, C, H, W) in [0, 1], clamped and rounded to uint8, as they would be stored."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)
