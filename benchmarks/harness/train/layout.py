"""How images and convolutions lie in memory."""

import torch

from benchmarks.harness.spec.run import Run

CHANNELS_LAST = {"cpu": ("a2", "residual"), "cuda": ("a1", "a2", "residual")}
NOTES = {torch.channels_last: ", channels last", torch.contiguous_format: ""}  # for provenance


# A2's shortcuts are strided 1x1 convolutions; with channels last and fewer than 8 of its 64 channels
# oneDNN's backward pass writes past its buffer on processors without AVX-512 (oneDNN issue 6035)
NARROWEST = {"a2": 8 / 64}


def layout(run: Run, device: str) -> torch.memory_format:
    """Channels last where it is faster and safe.

    On a processor A1's 5x5 kernels are slower that way, and a narrow A2 crashes.
    """
    kind = torch.device(device).type
    if kind == "cpu" and (run.width or 1) < NARROWEST.get(run.architecture, 0):
        return torch.contiguous_format
    if run.architecture in CHANNELS_LAST.get(kind, ()):
        return torch.channels_last
    return torch.contiguous_format
