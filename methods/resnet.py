"""A2: a ResNet-18 encoder and its mirror image (MoCA paper, Appendix A)."""

from itertools import pairwise

from torch import Tensor, nn

from methods.networks import BatchNorm, Networks, Plan
from methods.precision import Pixels

CHANNELS = (64, 128, 256, 512)
BLOCKS = 2  # per stage
MAP = 4  # the encoder's last map is 4 x 4


def a2(plan: Plan) -> Networks:
    """A 3x3 stem, no pooling, four stages of two basic blocks; the 4x4 map is flattened.

    The stages end at 4x4 from 32 pixels; for larger images the stem's stride makes up the rest (2
    for 64 pixels), and the decoder upsamples by that factor before its last convolution. Nearest
    upsampling and 1x1 shortcuts come closest to the paper's 24 million parameters (A21)."""
    channels, height, _ = plan.shape
    widths = [plan.channels(count) for count in CHANNELS]
    factor = height // (MAP * 2 ** (len(widths) - 1))
    encoder: list[nn.Module] = [nn.Conv2d(channels, widths[0], 3, factor, 1, bias=False),
                                BatchNorm(widths[0]), nn.ReLU()]
    for inputs, outputs in pairwise([widths[0], *widths]):
        stride = 1 if len(encoder) == 3 else 2
        encoder += [_down(inputs, outputs, stride), *_same(outputs)]
    size = widths[-1] * MAP * MAP
    decoder: list[nn.Module] = [nn.Linear(plan.dim, size), nn.Unflatten(1, (widths[-1], MAP, MAP))]
    for inputs, outputs in pairwise(widths[::-1]):
        decoder += [*_same(inputs), UpBlock(inputs, outputs)]
    decoder += [*_same(widths[0]), *_same(widths[0]), nn.Upsample(scale_factor=factor),
                nn.Conv2d(widths[0], channels, 3, 1, 1), Pixels()]
    return Networks(nn.Sequential(*encoder, nn.Flatten(), nn.Linear(size, plan.outputs)),
                    nn.Sequential(*decoder))


def basic_block(
    inputs: int, outputs: int, stride: int = 1, shortcut: nn.Module | None = None
) -> nn.Module:
    """A BasicBlock of torchvision, imported here because its import takes longer than torch's."""
    from torchvision.models.resnet import BasicBlock
    block: nn.Module = BasicBlock(inputs, outputs, stride, shortcut, norm_layer=BatchNorm)
    return block


def _same(channels: int) -> list[nn.Module]:
    return [basic_block(channels, channels) for _ in range(BLOCKS - 1)]


def _down(inputs: int, outputs: int, stride: int) -> nn.Module:
    shortcut = None
    if stride > 1 or inputs != outputs:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                 BatchNorm(outputs))
    return basic_block(inputs, outputs, stride, shortcut)


class UpBlock(nn.Module):
    """A basic block in reverse: (B, inputs, h, w) -> (B, outputs, 2h, 2w)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, 1, 1, bias=False), BatchNorm(inputs), nn.ReLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False),
            BatchNorm(outputs))
        self.shortcut = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, bias=False), BatchNorm(outputs),
            nn.Upsample(scale_factor=2))

    def forward(self, x: Tensor) -> Tensor:
        """relu(residual + shortcut)."""
        return nn.functional.relu(self.residual(x) + self.shortcut(x))
