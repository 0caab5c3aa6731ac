"""The Inception network of the original FID (weights of 2015-12-05), as pytorch-fid has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from benchmarks.harness.measure.inference import in_chunks

# images at once: a processor's caches hold few of 299 pixels, and a small GPU holds a hundred
ON_CPU, ON_GPU = 16, 100


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
    """To be looked through: on the device, images channels last, batch norms in the weights."""
    from torchvision.models.inception import BasicConv2d
    inception.eval()
    for layer in inception.modules():
        if isinstance(layer, BasicConv2d):
            layer.conv = fuse_conv_bn_eval(layer.conv, layer.bn)
            layer.bn = nn.Identity()
    return inception.to(device).to(memory_format=torch.channels_last)


def features(inception: nn.Module, x: Tensor, device: str) -> Tensor:
    """(n, 2048), on the CPU, of 8-bit images (n, 3, H, W), or grey ones; see `network`."""
    def of(part: Tensor) -> Tensor:
        shown = part.to(device).expand(-1, 3, -1, -1)
        pixels = shown.contiguous(memory_format=torch.channels_last).float() / 255
        found: Tensor = inception(pixels)[0]
        return found.flatten(1)

    return in_chunks(of, x, ON_CPU if device == "cpu" else ON_GPU)
