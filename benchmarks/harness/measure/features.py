"""The compact CIFAR-10 classifier whose features stand in for Inception's: `fd_cifar10`."""

import hashlib
from itertools import pairwise
import json
from pathlib import Path

import safetensors.torch
from torch import Tensor, nn

from benchmarks.harness.errors import UsageError

WEIGHTS = Path(__file__).parents[1] / "weights" / "cifar10.safetensors"
WIDTHS = (32, 64, 128, 256)  # of the stem and the three stages
CLASSES = 10
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of the training pixels


def _convolution(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]


class Classifier(nn.Module):
    """Images (n, 3, 32, 32) in [0, 1] -> logits (n, 10); the last layer sees `features`."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = [*_convolution(3, widths[0]), nn.GELU()]
        for inputs, outputs in pairwise(widths):
            first, norm = _convolution(inputs, outputs)
            # pooled before anything else is done: most of the time goes where the map is large
            layers += [first, nn.MaxPool2d(2), norm, nn.GELU()]
            layers += [*_convolution(outputs, outputs), nn.GELU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], CLASSES)
        for name, values in (("mean", MEAN), ("deviation", DEVIATION)):
            self.register_buffer(name, self.head.weight.new_tensor(values).view(3, 1, 1),
                                 persistent=False)

    def features(self, x: Tensor) -> Tensor:
        """(n, 256): the last map, averaged over its places."""
        shown: Tensor = self.body((x - self.mean) / self.deviation)
        return shown.mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 10)."""
        logits: Tensor = self.head(self.features(x))
        return logits


def shipped() -> Classifier:
    """The classifier that the suite ships, in evaluation mode; UsageError if it is not intact."""
    try:
        weights = WEIGHTS.read_bytes()
        expected = json.loads(WEIGHTS.with_suffix(".json").read_text())["sha256"]
    except FileNotFoundError as error:
        raise UsageError(f"there is no {error.filename}; bench.py classifier makes it") from None
    if hashlib.sha256(weights).hexdigest() != expected:
        raise UsageError(f"{WEIGHTS} is corrupt; restore it with git checkout")
    network = Classifier()
    network.load_state_dict(safetensors.torch.load(weights))
    return network.eval()
