"""A trained network over many points, in pieces that fit into memory."""

from collections.abc import Callable

import torch
from torch import Tensor

CHUNK = 1000


def in_chunks(network: Callable[[Tensor], Tensor], x: Tensor, chunk: int = CHUNK) -> Tensor:
    """network(x), computed `chunk` points at a time, on the CPU."""
    return torch.cat([network(part).cpu() for part in torch.split(x, chunk)])
