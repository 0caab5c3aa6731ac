"""Mixed precision: networks in bfloat16, losses and codes in float32."""

import torch
from torch import Tensor, nn


def autocast(network: nn.Module, device: torch.device, mixed: bool) -> torch.autocast:
    """The context in which a network is called; in bfloat16 if `mixed`, and only while it trains.

    Weights are cast at every call: a cache of casts would be taken along into a CUDA graph."""
    return torch.autocast(device.type, torch.bfloat16, enabled=mixed and network.training,
                          cache_enabled=False)


def full(x: Tensor) -> Tensor:
    """The output in single precision at least."""
    return x.float() if x.dtype == torch.bfloat16 else x


class Pixels(nn.Module):
    """The logistic function, in single precision: bfloat16 has no finer steps than 8-bit pixels."""

    def forward(self, x: Tensor) -> Tensor:
        """(...) to numbers between 0 and 1."""
        return torch.sigmoid(full(x))
