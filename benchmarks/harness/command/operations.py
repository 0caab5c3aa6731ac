"""What a training costs where nothing has been measured: counted operations."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from benchmarks.harness.spec.run import Run

if TYPE_CHECKING:
    from methods.networks import Networks

ASSUMED = 2e13  # operations a second that one GPU is taken to sustain in single precision
PASSES = 3  # forward, and backward twice as much
SHAPES = {"mnist": (1, 28, 28), "procedural-28": (1, 28, 28)}


def of_training(run: Run) -> float:
    """Floating-point operations of the whole training, by torch's own counter."""
    keys = dict(run.hyper).get("K")  # then a key encoder runs along, forward only
    encoder, decoder = _of_image(run.architecture, _shape(run), run.dim, run.width)
    step = PASSES * (encoder + (0 if run.objective == "latent" else decoder))
    if keys is not None:
        step += encoder + PASSES * 2 * run.dim * int(keys)
    return run.steps * run.batch * step


def disk(run: Run) -> float:
    """Bytes of the weights that stay; a checkpoint takes about eight times as much meanwhile."""
    return 4.0 * (1 + len(run.snapshots or ())) * _weights(
        run.architecture, _shape(run), run.dim, run.width)


def _shape(run: Run) -> tuple[int, ...]:
    if run.dataset.startswith("synthetic"):
        return (100,)
    side = run.image_size or 32
    return SHAPES.get(run.dataset, (3, side, side))


@cache
def _networks(
    architecture: str, shape: tuple[int, ...], dim: int, width: float | None
) -> Networks:
    """On no device: shapes, and no numbers."""
    import torch

    from methods.architectures import ARCHITECTURES
    from methods.networks import Plan
    with torch.device("meta"):
        return ARCHITECTURES[architecture](Plan(shape, dim, dim, width or 1.0))


def _weights(architecture: str, shape: tuple[int, ...], dim: int, width: float | None) -> int:
    return sum(weights.numel() for part in _networks(architecture, shape, dim, width)
               for weights in part.parameters())


@cache
def _of_image(
    architecture: str, shape: tuple[int, ...], dim: int, width: float | None
) -> tuple[int, int]:
    """Of one image's way through the encoder, and of its code's through the decoder."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    networks = _networks(architecture, shape, dim, width)
    counts = []
    for part, point in ((networks.encoder, shape), (networks.decoder, (dim,))):
        with FlopCounterMode(display=False) as counter:
            part(torch.empty(2, *point, device="meta"))  # a pair: batch norm wants several
        counts.append(counter.get_total_flops() // 2)
    return counts[0], counts[1]
