"""Trained encoders and decoders: their weights as a file, and the networks with them."""

from pathlib import Path

from safetensors import SafetensorError
import safetensors.torch
from torch import nn

from benchmarks.harness.build import autoencoder
from benchmarks.harness.errors import UsageError
from benchmarks.harness.run import Run
from methods.base import Objective
from methods.priors import PRIORS

PARTS = ("encoder.", "decoder.")


def packed(objective: Objective) -> bytes:
    """Weights and buffers of encoder and decoder as a safetensors file."""
    return safetensors.torch.save({
        name: value.contiguous() for name, value in objective.state_dict().items()
        if name.startswith(PARTS)})


def load(
    run: Run, shape: tuple[int, ...], path: Path, device: str
) -> tuple[nn.Module, nn.Module | None]:
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
    networks.to(device).eval()
    return networks["encoder"], networks["decoder"] if decoder is not None else None
