"""Mixed precision: networks in bfloat16, losses and codes in float32."""

import torch
from torch import Tensor, nn


def autocast(network: nn.Module, device: torch.device, mixed: bool) -> torch.autocast:
    """Context for a call of the network: bfloat16 if `mixed` and the network is in training mode.

    Weights are cast at every call, since a CUDA graph would capture a cache of casts."""
    return torch.autocast(device.type, torch.bfloat16, enabled=mixed and network.training,
                          cache_enabled=False)


def full(x: Tensor) -> Tensor:
    """Converts bfloat16 to float32; other types are returned as they are."""
    return x.float() if x.dtype == torch.bfloat16 else x


class Pixels(nn.Module):
    """The logistic function in float32: the steps of bfloat16 are no finer than 8-bit pixels."""

    def forward(self, x: Tensor) -> Tensor:
        """Logits (...) to numbers (...) in [0, 1]."""
        return torch.sigmoid(full(x))
