"""Trained encoders and decoders: their weights as a file, and the networks with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError
import safetensors.torch
import torch
from torch import nn

from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.run import Run
from benchmarks.harness.train.build import autoencoder
from benchmarks.harness.train.layout import layout
from methods.base import Objective
from methods.priors import PRIORS

PARTS = ("encoder.", "decoder.")


class Model(NamedTuple):
    """The two networks of a run; a latent-matching run has no decoder."""

    encoder: nn.Module
    decoder: nn.Module | None


def packed(objective: Objective) -> bytes:
    """Weights and buffers of encoder and decoder as a safetensors file."""
    return safetensors.torch.save({
        name: value.contiguous() for name, value in objective.state_dict().items()
        if name.startswith(PARTS)})


def load(run: Run, shape: tuple[int, ...], path: Path, device: str) -> Model:
    """Encoder and decoder for points of that shape, trained, in evaluation mode.

    Raises UsageError for a file that is corrupt.
    """
    networks = nn.ModuleDict()
    networks["encoder"], decoder = autoencoder(run, shape, PRIORS[run.prior](run.dim))
    if decoder is not None:
        networks["decoder"] = decoder
    try:
        networks.load_state_dict(safetensors.torch.load(path.read_bytes()))
    except (SafetensorError, RuntimeError):
        raise UsageError(f"{path} is corrupt; remove its folder to train the run anew") from None
    # as on the fast path of training, so that a curve ends at the measure, to the last bit
    networks.to(device).to(memory_format=layout(run, device)).eval()
    return Model(networks["encoder"], networks["decoder"] if decoder is not None else None)


@contextmanager
def evaluated(objective: Objective) -> Iterator[Model]:
    """The model of a training in progress, in evaluation mode; back in training mode after."""
    model = Model(objective.encoder, getattr(objective, "decoder", None))
    parts = [part for part in model if part is not None]
    for part in parts:
        part.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        for part in parts:
            part.train()
