"""Grids of images as PNG files: reconstructions, samples, interpolations."""

from collections.abc import Callable
import io

import torch
from torch import Tensor
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

from benchmarks.harness.data.datasets import to_float
from benchmarks.harness.data.seeding import generator
from benchmarks.harness.measure.feature_scores import as_8_bits
from benchmarks.harness.measure.trained_model import MeasureResult, TrainedModel
from benchmarks.harness.spec.run import Run
from methods.priors import PRIORS

SAMPLE_ROWS = 3
INTERPOLATION_ROWS = 3
GAP = 2  # pixels of white between two images


def tiles(run: Run, x: Tensor, z: Tensor, decode: Callable[[Tensor], Tensor]) -> dict[str, bytes]:
    """Three PNG files, n images wide, from n images in [0, 1] and their codes.

    reconstructions: the images, and below each its reconstruction. samples: decoded prior
    draws, the same for every model of one seed. interpolations: decoded points at equal steps from
    the first image's code to the second's, the third's to the fourth's, and so on, on a straight
    line that is divided by its norm if the prior is the sphere."""
    n, prior = len(x), PRIORS[run.prior](run.dim)
    draws = prior.sample(SAMPLE_ROWS * n, generator(run.seed, "samples"))
    steps = torch.linspace(0, 1, n)[:, None]
    paths = [prior.between(z[2 * row], z[2 * row + 1], steps) for row in range(INTERPOLATION_ROWS)]
    return {
        "reconstructions.png": png(torch.cat([x, decode(z).cpu()]), n),
        "samples.png": png(decode(draws), n),
        "interpolations.png": png(decode(torch.cat(paths)), n)}


def png(images: Tensor, columns: int) -> bytes:
    """A grid of images (n, C, H, W) in [0, 1], rounded to 8 bits, `columns` in a row."""
    buffer = io.BytesIO()
    grid = make_grid(as_8_bits(images).cpu(), columns, GAP, pad_value=255)
    to_pil_image(grid).save(buffer, "PNG")
    return buffer.getvalue()


ROW = 8  # images in a row, or decoded steps between two of them


def samples(trained: TrainedModel) -> MeasureResult:
    """samples.png: n decoded prior draws, the same draws for every model of one seed."""
    return MeasureResult({}, {"samples.png": png(trained.samples, ROW)})


def reconstructions(trained: TrainedModel) -> MeasureResult:
    """reconstructions.png: the first n test images, each with its reconstruction on the right."""
    pairs = torch.stack([to_float(trained.test.x), trained.decode(trained.codes).cpu()], dim=1)
    return MeasureResult({}, {"reconstructions.png": png(pairs.flatten(0, 1), ROW)})


def interpolations(trained: TrainedModel) -> MeasureResult:
    """interpolations.png: per pair of the first n test images a row, which has them at its ends.

    Between them: decoded points at equal steps from one code to the other, both codes included, on
    a straight line that is divided by its norm if the prior is the sphere."""
    x, z = to_float(trained.test.x), trained.codes
    steps = torch.linspace(0, 1, ROW)[:, None]
    rows = []
    for first in range(0, trained.n - 1, 2):
        path = trained.prior.between(z[first], z[first + 1], steps)
        rows += [x[first:first + 1], trained.decode(path).cpu(), x[first + 1:first + 2]]
    return MeasureResult({}, {"interpolations.png": png(torch.cat(rows), ROW + 2)})
