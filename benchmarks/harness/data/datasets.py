"""Training, test and validation sets as tensors."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.harness.data import packed
from benchmarks.harness.data.seeding import generator
from benchmarks.harness.errors import unknown
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.user_data import FILE_DATASETS, is_packed


class Split(NamedTuple):
    """Points with their classes, if the data set has classes."""

    x: Tensor  # (n, ...) floats as they are, or uint8 pixels
    labels: Tensor | None  # (n,)


def labelled_images(n: int, draws: torch.Generator, channels: int, side: int) -> Split:
    """(n, C, H, W) uint8 images: a soft disc of random position, size and colour on a ramp.

    An image's label, 0 to 3, is the quadrant of its disc's centre."""
    columns = torch.linspace(-1, 1, side)
    rows = columns[:, None]
    # a row of draws per image, so that the first images are the same however many are drawn
    draw = torch.rand(n, 5 + 2 * channels, generator=draws)[..., None, None]
    centre, radius, tilt = draw[:, :2] - 0.5, 0.2 + 0.4 * draw[:, 2], 2 * draw[:, 3:5] - 1
    distance = ((rows - centre[:, 0]) ** 2 + (columns - centre[:, 1]) ** 2).sqrt()  # (n, H, W)
    disc = torch.sigmoid((radius - distance) * side / 2)[:, None]
    ramp = (0.5 + 0.25 * (tilt[:, 0] * rows + tilt[:, 1] * columns))[:, None]
    paint, ground = draw[:, 5:].chunk(2, dim=1)
    images = ((disc * paint + (1 - disc) * ground * ramp) * 255).round().to(torch.uint8)
    below, right = (centre.flatten(1) > 0).long().unbind(1)
    return Split(images, 2 * below + right)


SYNTHETIC_DIM = 100  # MoCA paper, Section 4.1, which does not state the law: see A17
GENERATED: dict[str, Callable[[Run, int, torch.Generator], Split]] = {
    "synthetic-normal":
        lambda run, n, draws: Split(torch.randn(n, SYNTHETIC_DIM, generator=draws), None),
    "synthetic-uniform":
        lambda run, n, draws: Split(torch.rand(n, SYNTHETIC_DIM, generator=draws), None),
    "procedural": lambda run, n, draws: labelled_images(n, draws, 3, run.image_size or 32),
    "procedural-28": lambda run, n, draws: labelled_images(n, draws, 1, 28)}
DRAWS = {"train": "data", "test": "test data", "validation": "validation data"}  # split -> stream


def points(run: Run, split: str, n: int, root: Path) -> Split:
    """The first n points of a split ("train", "test", "validation"), generated or packed in `root`.

    Raises UsageError for an unknown data set, or one with fewer points."""
    if run.dataset in GENERATED:
        own = split == "train" and run.dataset.startswith("synthetic")  # each seed its own set
        return GENERATED[run.dataset](run, n, generator(run.seed if own else 0, DRAWS[split]))
    if not is_packed(run):
        raise unknown("dataset", run.dataset, [*GENERATED, *FILE_DATASETS])
    stored, rows = packed.rows(run, split, n, root)
    x, labels = (packed.packed_array(root, run.packed_name, f"{stored}.{part}")
                 for part in ("images", "labels"))
    assert x is not None  # or there would be no rows
    return Split(torch.from_numpy(x[rows]),
                 None if labels is None else torch.from_numpy(labels[rows]))


def to_float(x: Tensor) -> Tensor:
    """uint8 pixels to [0, 1] (A22); other data unchanged."""
    return x.float() / 255 if x.dtype == torch.uint8 else x
