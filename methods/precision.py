"""Mixed precision: networks compute in bfloat16; their weights, losses and codes are float32."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm


class _Halved(torch.autograd.Function):
    """bfloat16 copies of float32 weights; gradients come back in float32.

    All are copied at once: on a GPU by one kernel each way, where one per weight would take longer
    to launch than to run."""

    @staticmethod
    def forward(ctx: Any, *weights: Tensor) -> tuple[Tensor, ...]:
        return _converted(weights, torch.bfloat16)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        return _converted(gradients, torch.float32)


def _converted(tensors: tuple[Tensor, ...], dtype: torch.dtype) -> tuple[Tensor, ...]:
    made = [torch.empty_like(each, dtype=dtype) for each in tensors]
    torch._foreach_copy_(made, list(tensors))
    return tuple(made)


def call(network: nn.Module, x: Tensor, mixed: bool) -> Tensor:
    """network(x) in float32; computed in bfloat16 if `mixed` and the network is in training mode.

    Batch norms keep their float32 weights and statistics, as under torch.autocast."""
    if not (mixed and network.training):
        found: Tensor = network(x)
        return found
    norms = {weight for layer in network.modules() if isinstance(layer, _BatchNorm)
             for weight in layer.parameters()}
    weights = {name: weight for name, weight in network.named_parameters() if weight not in norms}
    halved = dict(zip(weights, _Halved.apply(*weights.values()), strict=True))
    found = functional_call(network, halved, x.bfloat16())
    return full(found)


def full(x: Tensor) -> Tensor:
    """Converts bfloat16 to float32; other types are returned as they are."""
    return x.float() if x.dtype == torch.bfloat16 else x


class Pixels(nn.Module):
    """The logistic function in float32: the steps of bfloat16 are no finer than 8-bit pixels."""

    def forward(self, x: Tensor) -> Tensor:
        """Logits (...) to numbers (...) in [0, 1]."""
        return torch.sigmoid(full(x))
