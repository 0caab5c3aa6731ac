"""A trained model as measures see it, and the result of a measure."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness.data.datasets import Split, points, to_float
from benchmarks.harness.data.seeding import generator, stream
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.run import Run
from methods.priors import PRIORS, Prior


class Model(NamedTuple):
    """The two networks of a run; a latent-matching run has no decoder."""

    encoder: nn.Module
    decoder: nn.Module | None


POINTS_AT_ONCE = 1000


def in_chunks(
    network: Callable[[Tensor], Tensor], x: Tensor, chunk: int = POINTS_AT_ONCE
) -> Tensor:
    """network(x), computed `chunk` points at a time, on the CPU."""
    return torch.cat([network(part).cpu() for part in torch.split(x, chunk)])


class MeasureResult(NamedTuple):
    """Numbers by column name, and files by name."""

    numbers: dict[str, float]
    files: dict[str, bytes]


class TrainedModel:
    """A model in evaluation mode, and the n test points that measures use."""

    def __init__(self, run: Run, model: Model, test: Split, root: Path, device: str) -> None:
        self.run, self.test, self.device, self.n = run, test, device, len(test.x)
        self.root = root  # of packed data sets
        self.weights = root.parent / "weights"  # of downloaded networks
        self.encoder, self.decoder = model

    @cached_property
    def codes(self) -> Tensor:
        """(n, dim) codes of the test points; for a stochastic encoder, the mean direction."""
        return in_chunks(self.encode, self.test.x)

    def training_codes(self, most: int) -> Tensor:
        """Codes (n, dim) of the first training points, `most` or all; packing has shuffled them."""
        x = points(self.run, "train", self.run.n_train, self.root).x
        return in_chunks(self.encode, x[:most])

    @cached_property
    def samples(self) -> Tensor:
        """(n, C, H, W) decoded prior draws, the same draws for every model of one seed."""
        return self.decode(self.prior.sample(self.n, self.draws("samples")))

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
        """Images (n, C, H, W) in [0, 1] of codes, on the CPU."""
        assert isinstance(self.decoder, nn.Module)
        decoder = self.decoder
        return in_chunks(lambda part: decoder(part.to(self.device)), z)

    @property
    def random_state(self) -> int:
        """Seed of the library routines that draw: the run's stream "evaluation"."""
        return stream(self.run.seed, "evaluation") % 2**32
