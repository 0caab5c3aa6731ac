"""Training sets as tensors on the device, and the batches drawn from them."""

from collections.abc import Callable
import hashlib
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.harness.errors import unknown
from benchmarks.harness.spec import Run

SYNTHETIC_DIM = 100  # MoCA paper, Section 4.1


def stream(seed: int, name: str) -> int:
    """The seed of one named stream: rivals under one run seed share data, weights and batches."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:7], "big")


def generator(seed: int, name: str, device: str = "cpu") -> torch.Generator:
    """A private generator on one named stream of a run's seed."""
    return torch.Generator(device).manual_seed(stream(seed, name))


def synthetic_normal(n: int, draws: torch.Generator) -> Tensor:
    """(n, 100) draws of N(0, I): the toy's law is not stated in the paper (A17)."""
    return torch.randn(n, SYNTHETIC_DIM, generator=draws)


def synthetic_uniform(n: int, draws: torch.Generator) -> Tensor:
    """(n, 100) draws of U[0, 1]^100, the other reading of A17."""
    return torch.rand(n, SYNTHETIC_DIM, generator=draws)


def procedural_images(
    n: int, draws: torch.Generator, shape: tuple[int, int, int] = (3, 32, 32)
) -> Tensor:
    """(n, C, H, W) uint8 pictures: a soft disc of random place, size and colour on a ramp."""
    channels, height, width = shape
    rows = torch.linspace(-1, 1, height)[:, None]
    columns = torch.linspace(-1, 1, width)

    def per_image(*size: int) -> Tensor:
        return torch.rand(n, *size, generator=draws)

    centre, radius = per_image(2, 1, 1) - 0.5, 0.2 + 0.4 * per_image(1, 1)
    distance = ((rows - centre[:, 0]) ** 2 + (columns - centre[:, 1]) ** 2).sqrt()  # (n, H, W)
    disc = torch.sigmoid((radius - distance) * width / 2)[:, None]
    tilt = 2 * per_image(2, 1, 1) - 1
    ramp = (0.5 + 0.25 * (tilt[:, 0] * rows + tilt[:, 1] * columns))[:, None]
    paint, ground = per_image(2, channels, 1, 1).unbind(1)
    return ((disc * paint + (1 - disc) * ground * ramp) * 255).round().to(torch.uint8)


class Dataset(NamedTuple):
    """How a data set is made; `own_per_seed` sets are drawn anew for every seed of a run."""

    make: Callable[[int, torch.Generator], Tensor]
    own_per_seed: bool


DATASETS: dict[str, Dataset] = {
    "synthetic-normal": Dataset(synthetic_normal, True),
    "synthetic-uniform": Dataset(synthetic_uniform, True),
    "procedural": Dataset(procedural_images, False),
}


def load(run: Run) -> Tensor:
    """The run's training set (n_train, ...): floats as they are, or uint8 pixels."""
    if run.dataset not in DATASETS:
        raise unknown("dataset", run.dataset, DATASETS)
    dataset = DATASETS[run.dataset]
    return dataset.make(run.n_train, generator(run.seed if dataset.own_per_seed else 0, "data"))


def to_float(x: Tensor) -> Tensor:
    """uint8 pixels to [0, 1] (A22); other data unchanged."""
    return x.float() / 255 if x.dtype == torch.uint8 else x


class Batches:
    """Index batches: a fresh permutation per epoch, incomplete last batch dropped.

    The permutation is drawn on the CPU, so that every device sees the same order.
    """

    def __init__(
        self, n: int, batch: int, draws: torch.Generator, device: str = "cpu"
    ) -> None:
        self.n, self.batch, self.draws, self.device = n, batch, draws, device
        self.order, self.position = torch.empty(0, dtype=torch.long, device=device), 0

    def next(self) -> Tensor:
        """(batch,) indices on the device; copied there once an epoch."""
        if self.position + self.batch > len(self.order):
            order = torch.randperm(self.n, generator=self.draws)
            self.order, self.position = order.to(self.device), 0
        start, self.position = self.position, self.position + self.batch
        return self.order[start:self.position]

    def state(self) -> dict[str, Tensor | int]:
        """What a checkpoint must hold to go on with the very next batch."""
        return {"order": self.order, "position": self.position, "draws": self.draws.get_state()}

    def restore(self, state: dict[str, Tensor | int]) -> None:
        """The inverse of `state`."""
        self.order = state["order"].to(self.device)  # type: ignore[union-attr]
        self.position = state["position"]  # type: ignore[assignment]
        self.draws.set_state(state["draws"])  # type: ignore[arg-type]
