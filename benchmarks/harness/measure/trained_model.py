"""A trained model as measures see it, and the result of a measure."""

from collections.abc import Callable, Sequence
from functools import cached_property
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness.data.datasets import Split, points, to_float
from benchmarks.harness.data.seeding import generator, stream
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.run import Run
from methods.base import Regularizer
from methods.priors import PRIORS, Prior


class Model(NamedTuple):
    """The two networks of a run; a latent-matching run has no decoder."""

    encoder: nn.Module
    decoder: nn.Module | None


POINTS_AT_ONCE = 1000
PIXELS_AT_ONCE = POINTS_AT_ONCE * 32 * 32  # a quarter of a gigabyte in A2's widest layer


def points_at_once(shape: Sequence[int], device: str) -> int:
    """How many points (C, H, W) or (n,) a network is given at once.

    On a GPU they have at most PIXELS_AT_ONCE pixels together, so that large images fit. On a
    processor their number is fixed: it changes the last bits of a result."""
    pixels = prod(shape[1:])
    return POINTS_AT_ONCE if device == "cpu" else max(1, min(
        POINTS_AT_ONCE, PIXELS_AT_ONCE // pixels))


WITHOUT_FLOAT64 = ("mps",)  # kinds of device


def measured_on(device: torch.device | str) -> torch.device:
    """Where outputs of a network on the device are measured: there, or on the CPU for float64."""
    place = torch.device(device)
    return torch.device("cpu") if place.type in WITHOUT_FLOAT64 else place


def in_chunks(
    network: Callable[[Tensor], Tensor], x: Tensor, chunk: int = POINTS_AT_ONCE
) -> Tensor:
    """network(x), computed `chunk` points at a time, where it is measured."""
    found = torch.cat([network(part) for part in torch.split(x, chunk)])
    return found.to(measured_on(found.device))


class MeasureResult(NamedTuple):
    """Numbers by column name, and files by name."""

    numbers: dict[str, float]
    files: dict[str, bytes]


class TrainedModel:
    """A model in evaluation mode, and the n test points that measures use."""

    def __init__(
        self, run: Run, model: Model, test: Split, root: Path, device: str,
        n_made: int | None = None, regularizer: Callable[[], Regularizer | None] = lambda: None,
    ) -> None:
        self.run, self.test, self.device, self.n = run, test, device, len(test.x)
        self.n_made = n_made or self.n
        self.root = root  # of packed data sets
        self.weights = root.parent / "weights"  # of downloaded networks
        self.encoder, self.decoder = model
        self.regularizer = regularizer  # makes the one that it was trained with, untrained
        self.at_once = points_at_once(test.x.shape[1:], device)

    @cached_property
    def codes(self) -> Tensor:
        """(n, dim) codes of the test points, on the CPU; of a random encoder, mean directions."""
        return in_chunks(self.encode, self.test.x, self.at_once).cpu()

    def training_codes(self, most: int) -> Tensor:
        """Codes (n, dim) of the first training points, `most` or all, on the CPU.

        Packing has shuffled the points."""
        x = points(self.run, "train", self.run.n_train, self.root).x
        return in_chunks(self.encode, x[:most], self.at_once).cpu()

    @cached_property
    def samples(self) -> Tensor:
        """(n_made, C, H, W) decoded prior draws, the same for every model of one seed."""
        return self.decode(self.prior.sample(self.n_made, self.draws("samples")))

    @property
    def prior(self) -> Prior:
        """The distribution that codes are matched to."""
        return PRIORS[self.run.prior](self.run.dim)

    def draws(self, name: str) -> torch.Generator:
        """A fresh generator on a stream of the run's seed."""
        return generator(self.run.seed, name)

    @property
    def labels(self) -> np.ndarray:
        """(n,) classes of the test points; raises UsageError for a data set without classes."""
        if self.test.labels is None:
            raise UsageError(f"{self.run.dataset} has no classes to measure by")
        return self.test.labels.numpy()

    def encode(self, x: Tensor) -> Tensor:
        """Codes (n, dim) of stored points: floats, or uint8 pixels."""
        return self.encoder(to_float(x.to(self.device)))  # type: ignore[no-any-return]

    def decode(self, z: Tensor) -> Tensor:
        """Images (n, C, H, W) in [0, 1] of codes, where they are measured."""
        assert isinstance(self.decoder, nn.Module)
        decoder = self.decoder
        return in_chunks(lambda part: decoder(part.to(self.device)), z, self.at_once)

    @property
    def random_state(self) -> int:
        """Seed of the library routines that draw: the run's stream "evaluation"."""
        return stream(self.run.seed, "evaluation") % 2**32
