"""Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020)."""

import torch
from torch import Tensor

NEIGHBOURS = 5  # k of Naeem et al.
CHUNK = 1000


def radii(features: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """(n,) distance of each of the features (n, d) to its k-th nearest other one."""
    found = [torch.cdist(part, features).kthvalue(k + 1, dim=1).values  # itself is the first
             for part in features.split(CHUNK)]  # type: ignore[no-untyped-call]
    return torch.cat(found)


def manifold_scores(*, real: Tensor, made: Tensor, k: int = NEIGHBOURS) -> dict[str, float]:
    """Scores in [0, 1], but for density, of made features (m, d) against real ones (n, d).

    precision: share of made points inside some real point's ball. recall: share of real points
    inside some made point's ball. density: real balls around a made point, over k. coverage: share
    of real balls that hold a made point. A ball reaches to the k-th neighbour of its own kind.
    """
    real_radii, made_radii = radii(real, k), radii(made, k)
    inside = torch.zeros(len(made), dtype=torch.long)  # real balls around each made point
    recalled, covered = [], []
    for part, radius in zip(real.split(CHUNK), real_radii.split(CHUNK), strict=True):  # type: ignore[no-untyped-call]
        distance = torch.cdist(part, made)  # (chunk, m)
        within = distance <= radius[:, None]
        inside += within.sum(dim=0)
        covered.append(within.any(dim=1))
        recalled.append((distance <= made_radii).any(dim=1))
    return {
        "precision": float((inside > 0).double().mean()),
        "recall": float(torch.cat(recalled).double().mean()),
        "density": float(inside.double().mean() / k),
        "coverage": float(torch.cat(covered).double().mean()),
    }
