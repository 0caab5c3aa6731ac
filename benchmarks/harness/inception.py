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
    return inception.eval().to(device)


def features(inception: nn.Module, x: Tensor) -> Tensor:
    """(n, 2048) of 8-bit images (n, 3, H, W), or grey ones; see `network`."""
    shown: Tensor = inception(x.expand(-1, 3, -1, -1).float() / 255)[0]
    return shown.flatten(1)
