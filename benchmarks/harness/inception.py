"""The Inception network of the original FID (weights of 2015-12-05), as pytorch-fid has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn


@contextmanager
def _hub(folder: Path) -> Iterator[None]:
    before = torch.hub.get_dir()
    torch.hub.set_dir(folder)
    try:
        yield
    finally:
        torch.hub.set_dir(before)


def network(root: Path, device: str) -> nn.Module:
    """(n, 3, H, W) in [0, 1] -> [(n, 2048, 1, 1)]: bilinear to 299, then up to the last pooling."""
    from pytorch_fid.inception import InceptionV3
    with _hub(root / "hub"):  # fid_weights has put them there
        inception: nn.Module = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    return ready(inception, device)


def ready(inception: nn.Module, device: str) -> nn.Module:
    """To be looked through: on the device, its images lying channels last."""
    return inception.eval().to(device).to(memory_format=torch.channels_last)


def features(inception: nn.Module, x: Tensor) -> Tensor:
    """(n, 2048) of 8-bit images (n, 3, H, W), or grey ones; see `network`."""
    pixels = x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last).float() / 255
    shown: Tensor = inception(pixels)[0]
    return shown.flatten(1)
