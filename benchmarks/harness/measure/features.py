"""Feature extractors: the shipped classifiers, and Inception-2015."""

from collections.abc import Iterator
from contextlib import contextmanager
import hashlib
from itertools import pairwise
import json
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.transforms.functional import rgb_to_grayscale

from benchmarks.harness.errors import UsageError
from benchmarks.harness.measure.trained_model import in_chunks

WEIGHTS = Path(__file__).parents[1] / "weights"
CLASSES = 10


class Form(NamedTuple):
    """The images that a classifier is trained on, and the size of its network."""

    side: int  # pixels
    mean: tuple[float, ...]  # of the training pixels, by channel
    deviation: tuple[float, ...]
    widths: tuple[int, ...]  # of the stem and the three stages; the last is that of `features`

    @property
    def channels(self) -> int:
        """1, grey, or 3."""
        return len(self.mean)


CLASSIFIERS = {  # by the data set they are trained on
    "cifar10": Form(32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), (32, 64, 128, 256)),
    "mnist": Form(28, (0.1307,), (0.3081,), (8, 16, 32, 128))}


def weights_of(name: str) -> Path:
    """The file of a classifier's weights; its provenance is the .json beside it."""
    return WEIGHTS / f"{name}.safetensors"


def _convolution(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]


class Classifier(nn.Module):
    """Images (n, C, H, H) in [0, 1] -> logits (n, 10); the last layer sees `features`."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form, widths = form, form.widths
        layers: list[nn.Module] = [*_convolution(form.channels, widths[0]), nn.GELU()]
        for inputs, outputs in pairwise(widths):
            first, norm = _convolution(inputs, outputs)
            # pooled first, because the layers on large maps take most of the time
            layers += [first, nn.MaxPool2d(2), norm, nn.GELU()]
            layers += [*_convolution(outputs, outputs), nn.GELU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], CLASSES)
        for name, values in (("mean", form.mean), ("deviation", form.deviation)):
            self.register_buffer(name, self.head.weight.new_tensor(values).view(-1, 1, 1),
                                 persistent=False)

    def features(self, x: Tensor) -> Tensor:
        """(n, d): the last feature map, averaged over its positions."""
        shown: Tensor = self.body((x - self.mean) / self.deviation)
        return shown.mean(dim=(2, 3))

    def features_of_any(self, x: Tensor) -> Tensor:
        """`features` of images (n, 1 or 3, H, W) in [0, 1], resized to the network's form.

        A grey image counts as three equal channels, a colour one as its luminance."""
        shown = x.expand(-1, 3, -1, -1) if self.form.channels == 3 else rgb_to_grayscale(x)
        return self.features(interpolate(
            shown, size=(self.form.side,) * 2, mode="bilinear", antialias=True))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 10)."""
        logits: Tensor = self.head(self.features(x))
        return logits


def shipped_classifier(name: str) -> Classifier:
    """The classifier that the suite ships, in evaluation mode; UsageError if it is not intact."""
    path = weights_of(name)
    try:
        weights = path.read_bytes()
        expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"]
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no {error.filename}; bench.py classifier {name} makes it") from None
    if hashlib.sha256(weights).hexdigest() != expected:
        raise UsageError(f"{path} is corrupt; restore it with git checkout")
    network = Classifier(CLASSIFIERS[name])
    network.load_state_dict(safetensors.torch.load(weights))
    return network.eval()


# images at once: a CPU's caches hold few of 299 x 299 pixels, a small GPU holds a hundred
ON_CPU, ON_GPU = 16, 100


@contextmanager
def _hub(folder: Path) -> Iterator[None]:
    before = torch.hub.get_dir()
    torch.hub.set_dir(folder)
    try:
        yield
    finally:
        torch.hub.set_dir(before)


def inception_network(root: Path, device: str) -> nn.Module:
    """(n, 3, H, W) in [0, 1] -> [(n, 2048, 1, 1)]: bilinear to 299, then up to the last pooling."""
    from pytorch_fid.inception import InceptionV3
    with _hub(root / "hub"):  # where fid_weights stores them
        inception: nn.Module = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    return prepared(inception, device)


def prepared(inception: nn.Module, device: str) -> nn.Module:
    """The network for inference: on the device, channels last, batch norms folded into weights."""
    from torchvision.models.inception import BasicConv2d
    inception.eval()
    for layer in inception.modules():
        if isinstance(layer, BasicConv2d):
            layer.conv = fuse_conv_bn_eval(layer.conv, layer.bn)
            layer.bn = nn.Identity()
    return inception.to(device).to(memory_format=torch.channels_last)


def inception_features(inception: nn.Module, x: Tensor, device: str) -> Tensor:
    """(n, 2048), where they are measured, of 8-bit images (n, 3, H, W), or grey ones."""
    def features_of(part: Tensor) -> Tensor:
        shown = part.to(device).expand(-1, 3, -1, -1)
        pixels = shown.contiguous(memory_format=torch.channels_last).float() / 255
        found: Tensor = inception(pixels)[0]
        return found.flatten(1)

    return in_chunks(features_of, x, ON_CPU if device == "cpu" else ON_GPU)
