"""Sliced Wasserstein distance between two sets of images (Figure 2), as in koshian2/swd-pytorch.

Laplacian pyramid, 7x7 patches standardised per set and channel, mean absolute difference of sorted
projections, times 1000, mean over the levels. It differs from Karras et al. 2018 in that all images
share the patches' positions, borders are padded with zeros, and a direction is divided by the
standard deviation of its entries ("std") instead of by its norm ("unit"), which makes the values
sqrt(147) = 12.1 times larger."""

from math import log2

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate

from benchmarks.harness.measure.slices import average, sorted_slices

PATCH = 7
PATCHES = 128  # per image and level, or as many as fit
DIRECTIONS, ROUNDS = 128, 4
SCALE = 1000.0


def image_swd(a: Tensor, b: Tensor, draws: torch.Generator) -> dict[str, float]:
    """Distances "std" and "unit" between two equally large sets of images (N, 3, H, W) in [0, 1].

    Computes on the images' device, draws on the CPU. Raises ValueError for other shapes or ranges:
    the distance depends on N and on the range."""
    for images in (a, b):
        if images.shape != a.shape or images.dim() != 4 or images.shape[1] != 3:
            raise ValueError(f"image SWD needs two sets of N x 3 x H x W, not {tuple(a.shape)} "
                             f"and {tuple(b.shape)}")
        if images.min() < 0 or images.max() > 1:
            raise ValueError("image SWD needs pixels in [0, 1]")
    levels = [_level_distance(x, y, draws) for x, y in zip(pyramid(a), pyramid(b), strict=True)]
    return {kind: SCALE * sum(level[kind] for level in levels) / len(levels)
            for kind in ("std", "unit")}


def pyramid(images: Tensor) -> list[Tensor]:
    """Laplacian pyramid: differences between successive halvings, then the 16-pixel images."""
    levels = []
    for _ in range(round(log2(images.shape[2] // 16))):
        halved = _blur(images)[:, :, ::2, ::2]
        levels.append(images - _blur(interpolate(halved, scale_factor=2)))
        images = halved
    return [*levels, images]


def _blur(images: Tensor) -> Tensor:
    """Images after a binomial 5x5 filter, zero-padded."""
    row = images.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = (row[:, None] * row).expand(images.shape[1], 1, 5, 5)
    return conv2d(images, kernel, padding=2, groups=images.shape[1])


def _level_distance(a: Tensor, b: Tensor, draws: torch.Generator) -> dict[str, float]:
    places = (a.shape[2] - PATCH + 1) * (a.shape[3] - PATCH + 1)
    chosen = torch.randperm(places, generator=draws)[:PATCHES]
    x, y = (_patches(images, chosen) for images in (a, b))
    totals = {kind: torch.zeros((), dtype=torch.float64, device=x.device)
              for kind in ("std", "unit")}
    for _ in range(ROUNDS):
        directions = torch.randn(x.shape[1], DIRECTIONS, generator=draws)
        directions = (directions / directions.std(dim=0)).to(x.device)
        for group in directions.split(16, dim=1):  # type: ignore[no-untyped-call]
            found = _transport(x, y, group)
            totals["std"] += found.sum()
            totals["unit"] += (found / group.norm(dim=0)).sum()
    return {kind: float(total) / (ROUNDS * DIRECTIONS) for kind, total in totals.items()}


def _transport(x: Tensor, y: Tensor, directions: Tensor) -> Tensor:
    """(k,) W1 of the points' projections on each of k directions."""
    a, b = (sorted_slices(points, directions) for points in (x, y))
    return average((a - b).abs(), axis=1)


def _patches(images: Tensor, chosen: Tensor) -> Tensor:
    """(N * patches, 147) standardised patches at the same positions of every image."""
    columns = images.shape[3] - PATCH + 1
    cut = [images[:, :, place // columns:place // columns + PATCH,
                  place % columns:place % columns + PATCH] for place in chosen.tolist()]
    patches = torch.stack(cut, dim=1).flatten(0, 1)  # (N * patches, 3, 7, 7)
    mean = patches.mean(dim=(0, 2, 3), keepdim=True)
    deviation = patches.std(dim=(0, 2, 3), keepdim=True)
    return ((patches - mean) / deviation).flatten(1)
