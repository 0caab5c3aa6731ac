"""Kernel Inception distance: unbiased squared MMD of features (Binkowski et al. 2018)."""

import torch
from torch import Tensor

SUBSETS = 100
SUBSET = 1000


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x.y / d + 1)^3: features (n, d), (m, d) -> (n, m)."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def squared_mmd(x: Tensor, y: Tensor) -> float:
    """Unbiased estimate from as many features x (n, d) as y (n, d); it may be negative."""
    n = len(x)
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    within = (xx.sum() - xx.trace() + yy.sum() - yy.trace()) / (n * (n - 1))
    return float(within - 2 * xy.mean())


def kernel_distance(real: Tensor, made: Tensor, draws: torch.Generator) -> tuple[float, float]:
    """Mean and standard deviation over random subsets of 1000, or of all if there are fewer."""
    size = min(SUBSET, len(real), len(made))
    values = []
    for _ in range(SUBSETS):
        chosen = [torch.randperm(len(x), generator=draws)[:size] for x in (real, made)]
        values.append(squared_mmd(real[chosen[0]].double(), made[chosen[1]].double()))
    mean, deviation = torch.tensor(values).mean(), torch.tensor(values).std()
    return float(mean), float(deviation)
