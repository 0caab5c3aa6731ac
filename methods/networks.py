"""Encoders and decoders by architecture name."""

from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import NamedTuple

from torch import Tensor, nn

from methods.priors import Prior


class Encoder(nn.Module):
    """A network whose output is constrained to the prior's support: x (B, ...) -> z (B, dim)."""

    def __init__(self, network: nn.Module, prior: Prior) -> None:
        super().__init__()
        self.network, self.prior = network, prior

    def forward(self, x: Tensor) -> Tensor:
        """Codes (B, dim)."""
        return self.prior.constrain(self.network(x))


class Networks(NamedTuple):
    """An unconstrained encoder network (B, *shape) -> (B, dim) and a decoder back to [0, 1]."""

    encoder: nn.Module
    decoder: nn.Module


def perceptron(sizes: list[int]) -> list[nn.Module]:
    """Linear layers through `sizes` with a ReLU between each two."""
    layers: list[nn.Module] = []
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers += [nn.ReLU()] if k else []
        layers += [nn.Linear(inputs, outputs)]
    return layers


def mlp2(shape: tuple[int, ...], dim: int) -> Networks:
    """Two linear layers with 128 hidden units (MoCA paper, Section 4.1; width and ReLU are A17)."""
    size = prod(shape)
    decoder = [*perceptron([dim, 128, size]), nn.Sigmoid(), nn.Unflatten(1, shape)]
    return Networks(
        nn.Sequential(nn.Flatten(), *perceptron([size, 128, dim])), nn.Sequential(*decoder)
    )


ARCHITECTURES: dict[str, Callable[[tuple[int, ...], int], Networks]] = {"mlp2": mlp2}
