"""Grids of images at pixel scale (Figures 5, 6 and 11 to 19): always the same test images."""

import torch

from benchmarks.harness.data.datasets import to_float
from benchmarks.harness.measure.image_grids import png
from benchmarks.harness.measure.trained_model import Measured, Trained

ROW = 8  # images of a row, or decoded steps between two of them


def samples(trained: Trained) -> Measured:
    """samples.png: n decoded prior draws, the same draws for every model of one seed."""
    return Measured({}, {"samples.png": png(trained.samples, ROW)})


def reconstructions(trained: Trained) -> Measured:
    """reconstructions.png: the first n test images, each with what is made of it on its right."""
    pairs = torch.stack([to_float(trained.test.x), trained.decode(trained.codes)], dim=1)
    return Measured({}, {"reconstructions.png": png(pairs.flatten(0, 1), ROW)})


def interpolations(trained: Trained) -> Measured:
    """interpolations.png: a row for every two of the first n test images, which are at its ends.

    Between them, decoded points at equal steps from one code to the other, both ends among them;
    along the great circle where the prior is the sphere.
    """
    x, z = to_float(trained.test.x), trained.codes
    steps = torch.linspace(0, 1, ROW)[:, None]
    rows = []
    for first in range(0, trained.n - 1, 2):
        path = trained.prior.between(z[first], z[first + 1], steps)
        rows += [x[first:first + 1], trained.decode(path), x[first + 1:first + 2]]
    return Measured({}, {"interpolations.png": png(torch.cat(rows), ROW + 2)})
