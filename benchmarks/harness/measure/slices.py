"""Sorted projections of points, which the sliced distances compare."""

import numpy as np
import torch
from torch import Tensor


def sorted_slices(points: Tensor, directions: Tensor) -> Tensor:
    """(k, n): projections of points (n, d) on directions (d, k), each row ascending."""
    slices = (points @ directions).T.contiguous()
    if slices.is_cpu:  # numpy sorts rows about eight times faster than torch does there
        return torch.from_numpy(np.sort(slices.numpy(), axis=1))
    return slices.sort(dim=1).values


def average(values: Tensor, axis: int | None = None) -> Tensor:
    """Mean over an axis, or over all, in float64; on a CPU numpy's, bit for bit."""
    if values.is_cpu:
        return torch.from_numpy(np.asarray(values.numpy().mean(axis=axis, dtype=np.float64)))
    return values.mean(dim=axis, dtype=torch.float64)
