"""Metrics of codes: sliced Wasserstein distance to the prior, spread of singular values."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.data.seeding import generator
from benchmarks.harness.measure.slices import average, sorted_slices
from benchmarks.harness.measure.trained_model import in_chunks, measured_on, points_at_once
from benchmarks.harness.spec.run import Run
from methods.priors import PRIORS
from methods.swd import directions

PROJECTIONS = 1000  # A18
FLOOR_DRAWS = 8


class LatentSWD:
    """Sliced Wasserstein distance between the codes of a set and the prior (Figure 1).

    Reference sample and directions are fixed per seed, hence equal for all epochs and methods.
    The floor is the same distance from fresh prior samples to the reference. Draws on the CPU,
    computes where codes of the device are measured."""

    def __init__(self, run: Run, data: Tensor, device: str) -> None:
        draws = generator(run.seed, "evaluation")
        prior = PRIORS[run.prior](run.dim)
        self.data, self.at_once = data, points_at_once(data.shape[1:], device)
        self.place = measured_on(device)
        self.projections = directions(PROJECTIONS, run.dim, draws).to(self.place)
        self.reference = self._slices(prior.sample(len(data), draws))
        floor = [self._squared(prior.sample(len(data), draws)) for _ in range(FLOOR_DRAWS)]
        self.floor = {"floor_sq": float(np.mean(floor)),
                      "floor_root": float(np.mean(np.sqrt(floor)))}

    def __call__(self, encoder: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """`swd2_sq`, the mean over directions of W2^2; `swd2_root`, its root; and their floors."""
        squared = self._squared(in_chunks(encoder, self.data, self.at_once))
        return {"swd2_sq": squared, "swd2_root": squared**0.5, **self.floor}

    def _slices(self, z: Tensor) -> Tensor:
        return sorted_slices(z.to(self.place), self.projections)

    def _squared(self, z: Tensor) -> float:
        return float(average((self._slices(z) - self.reference).double().square_()))


def singular_values(z: Tensor) -> Tensor:
    """(d,) singular values of uncentred codes (n, d), descending, over sqrt(n / d).

    All tend to 1 for large n if the codes are uniform on the unit sphere."""
    values: Tensor = torch.linalg.svdvals(z.double())
    values /= (len(z) / z.shape[1]) ** 0.5
    return values


def spread_of(z: Tensor) -> dict[str, float]:
    """Condition number, coefficient of variation, and effective rank (Roy and Vetterli 2007).

    The effective rank is exp of the entropy of the squared singular values, scaled to sum to 1."""
    values = singular_values(z)
    share = values.square() / values.square().sum()
    entropy = -(share * share.clamp(min=torch.finfo(share.dtype).tiny).log()).sum()
    return {
        "sv_condition": float(values[0] / values[-1]),
        "sv_cv": float(values.std(correction=0) / values.mean()),
        "effective_rank": float(entropy.exp())}
