"""Inputs and outputs of every architecture; see `architectures` for the list."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from methods.precision import autocast, full
from methods.priors import Prior


class Encoder(nn.Module):
    """A network whose output is constrained to the prior's support: x (B, ...) -> z (B, dim).

    `mixed`: it trains in bfloat16, but for its output."""

    mixed = False

    def __init__(self, network: nn.Module, prior: Prior) -> None:
        super().__init__()
        self.network, self.prior = network, prior

    def forward(self, x: Tensor) -> Tensor:
        """Codes (B, dim)."""
        with autocast(self, x.device, self.mixed):
            raw = self.network(x)
        return self.prior.constrain(full(raw))


class Plan(NamedTuple):
    """The sizes that networks are built for."""

    shape: tuple[int, ...]  # of a point: (C, H, W), or (n,)
    dim: int  # of z
    outputs: int  # of the encoder
    width: float = 1.0  # fraction of the channels
    start: int = 4  # A1's decoder starts from a map of start x start

    def channels(self, full: int) -> int:
        """`full` channels times the plan's width, at least one."""
        return max(1, round(full * self.width))


class Networks(NamedTuple):
    """An unconstrained encoder (B, *shape) -> (B, outputs), a decoder (B, dim) -> [0, 1]."""

    encoder: nn.Module
    decoder: nn.Module


Architecture = Callable[[Plan], Networks]
