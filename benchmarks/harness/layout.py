"""How images and convolutions lie in memory."""

import torch

from benchmarks.harness.run import Run

CHANNELS_LAST = {"cpu": ("a2", "residual"), "cuda": ("a1", "a2", "residual")}
NOTES = {torch.channels_last: ", channels last", torch.contiguous_format: ""}  # for provenance


def layout(run: Run, device: str) -> torch.memory_format:
    """Channels last where it is faster: on a processor A1's 5x5 kernels are slower that way."""
    if run.architecture in CHANNELS_LAST.get(torch.device(device).type, ()):
        return torch.channels_last
    return torch.contiguous_format
