"""Metrics of codes: distances to the prior, each with its floor; spread of singular values."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.data.seeding import generator
from benchmarks.harness.measure.slices import average, sorted_slices
from benchmarks.harness.measure.trained_model import in_chunks, measured_on, points_at_once
from benchmarks.harness.spec.run import Run
from methods.mmd import SCALES
from methods.priors import PRIORS, Prior
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


class Discrepancy(NamedTuple):
    """A kernel distance between codes and prior draws, and the size it has by chance alone."""

    value: float  # E k(z, z') + E k(p, p') - 2 E k(z, p), a U-statistic: negative half the time if
    floor: float  # codes are prior draws; then this is its root mean square


def discrepancy(kernel: Callable[[Tensor], Tensor], z: Tensor, prior: Tensor) -> Discrepancy:
    """The kernel, a function of distances, between codes (n, d) and as many draws; n > 3.

    Were the codes draws too, the variance would be 4 s^2 / n (1 / (n-1) + 1 / n), where s^2 is the
    second moment of the centred kernel; U-centring the draws' matrix (Szekely and Rizzo 2014,
    Section 2) estimates it without bias."""
    n = len(z)
    (zz, _), (pp, squares), (zp, _) = (
        _row_sums(kernel, *pair) for pair in ((z, z), (prior, prior), (z, prior)))
    value = (zz.sum() + pp.sum()) / (n * (n - 1)) - 2 * zp.mean() / n
    centred = squares + pp.sum() ** 2 / ((n - 1) * (n - 2)) - 2 * pp.square().sum() / (n - 2)
    variance = 4 * centred / (n * (n - 3)) / n * (1 / (n - 1) + 1 / n)
    return Discrepancy(float(value), float(variance.sqrt()))


ROWS = 50  # of a matrix of distances at once: it stays in a CPU's cache


def _row_sums(kernel: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(n,) sum_j k(x_i, y_j), and the sum of all squares; without j = i if x is y."""
    sums, squares = [], x.new_zeros(())
    for first in range(0, len(x), ROWS):
        values = kernel(torch.cdist(x[first:first + ROWS], y))
        if x is y:
            values.diagonal(first).zero_()
        sums.append(values.sum(dim=1))
        squares += values.square().sum()
    return torch.cat(sums), squares


def inverse_multiquadratic(distances: Tensor, base: float) -> Tensor:
    """The sum of C / (C + ||a - b||^2) over the scales of `methods.mmd`, C = scale * base."""
    squared = distances.square()
    return sum((C / (C + squared) for C in (scale * base for scale in SCALES)),
               torch.zeros_like(squared))


def matching_of(z: Tensor, run: Run, prior: Prior) -> dict[str, float]:
    """`latent_swd`, `latent_energy` and `latent_mmd` of codes (n, d), and each over its floor.

    Energy distance: 2 E ||z - p|| - E ||z - z'|| - E ||p - p'|| (Szekely and Rizzo 2013); MMD: that
    of WAE-MMD. All compare with n prior draws, the same for all models of a seed, in float64. Codes
    that are prior draws have an SWD of about 1 floor; of the other two, about one floor in either
    direction."""
    sliced = LatentSWD(run, z, str(z.device))(lambda codes: codes)
    found = {"swd": Discrepancy(sliced["swd2_root"], sliced["floor_root"])}
    draws = prior.sample(len(z), generator(run.seed, "evaluation")).to(z.device).double()
    found["energy"] = discrepancy(torch.neg, z.double(), draws)
    kernel = partial(inverse_multiquadratic, base=prior.mean_squared_distance)
    found["mmd"] = discrepancy(kernel, z.double(), draws)
    return ({f"latent_{name}": value for name, (value, _) in found.items()}
            | {f"latent_{name}_over_floor": value / floor
               for name, (value, floor) in found.items()})


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
