"""The interface of all architectures, and the encoder that ends on the prior's support."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import batch_norm

from methods.precision import call
from methods.priors import Prior


class EncoderBase(nn.Module):
    """An encoder x (B, ...) -> z (B, dim) with a network in it."""

    mixed = False  # True: the network trains in bfloat16, with a float32 output

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network


class Encoder(EncoderBase):
    """The network with its output constrained to the prior's support."""

    def __init__(self, network: nn.Module, prior: Prior) -> None:
        super().__init__(network)
        self.prior = prior

    def forward(self, x: Tensor) -> Tensor:
        """Codes (B, dim)."""
        return self.prior.constrain(call(self.network, x, self.mixed))


class Plan(NamedTuple):
    """The sizes from which an architecture builds its networks."""

    shape: tuple[int, ...]  # of a point: (C, H, W), or (n,)
    dim: int  # of z
    outputs: int  # of the encoder's network: see Objective.outputs
    width: float = 1.0  # factor on every number of channels or hidden units
    start: int = 4  # A1's decoder starts from a map of start x start

    def channels(self, full: int) -> int:
        """`full` times the plan's width, rounded, at least 1."""
        return max(1, round(full * self.width))


class Networks(NamedTuple):
    """Raw encoder (B, *shape) -> (B, outputs), decoder (B, dim) -> (B, *shape) in [0, 1]."""

    encoder: nn.Module
    decoder: nn.Module


class BatchNorm(nn.BatchNorm2d):
    """Batch norm over (B, C, H, W) that does not count its batches.

    With a fixed momentum nothing reads the count, and each would be a kernel in every step. Its
    buffer stays, so that the weights of older runs load."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalised by the batch while training, by the running statistics otherwise."""
        assert self.momentum is not None
        return batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
                          self.training, self.momentum, self.eps)


Architecture = Callable[[Plan], Networks]
