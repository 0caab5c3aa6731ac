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
    """An unconstrained encoder (B, *shape) -> (B, outputs), a decoder (B, dim) -> [0, 1]."""

    encoder: nn.Module
    decoder: nn.Module


# (shape of x, dimension of z, outputs of the encoder) -> networks
Architecture = Callable[[tuple[int, ...], int, int], Networks]


def perceptron(sizes: list[int]) -> list[nn.Module]:
    """Linear layers through `sizes` with a ReLU between each two."""
    layers: list[nn.Module] = []
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers += [nn.ReLU()] if k else []
        layers += [nn.Linear(inputs, outputs)]
    return layers


def mlp(hidden: int, hidden_decoder: int) -> Architecture:
    """ReLU perceptrons with so many hidden layers of 128 units."""
    def networks(shape: tuple[int, ...], dim: int, outputs: int) -> Networks:
        size = prod(shape)
        encoder = perceptron([size, *[128] * hidden, outputs])
        decoder = perceptron([dim, *[128] * hidden_decoder, size])
        return Networks(nn.Sequential(nn.Flatten(), *encoder),
                        nn.Sequential(*decoder, nn.Sigmoid(), nn.Unflatten(1, shape)))
    return networks


ARCHITECTURES: dict[str, Architecture] = {
    "mlp2": mlp(1, 1),  # "a 2 layer MLP", Section 4.1; width and ReLU are ours (A17)
    "mlp3": mlp(3, 2),  # 3 hidden layers and 2, of 128 units: Appendix B
}
