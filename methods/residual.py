"""The residual autoencoder of CelebA-HQ, one block per halving (MoCA paper, Appendix A)."""

from itertools import pairwise
from math import log2

from torch import nn

from methods.networks import BatchNorm, Networks, Plan
from methods.precision import Pixels
from methods.resnet import basic_block

CHANNELS = (64, 128, 256, 512, 512, 512)  # ours: the paper does not state them
MAP = 4  # the encoder's last map is 4 x 4 at every image size


def residual(plan: Plan) -> Networks:
    """log2(size / 4) times a halving convolution and a residual block; the decoder is mirrored.

    256 pixels take all six widths, as in the paper, 64 the first four, 32 the first three."""
    channels, height, _ = plan.shape
    count = int(log2(height // MAP))
    widths = [channels, *(plan.channels(full) for full in CHANNELS[:count])]
    encoder = [layer for inputs, outputs in pairwise(widths)
               for layer in (nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False),
                             BatchNorm(outputs), nn.ReLU(), basic_block(outputs, outputs))]
    decoder: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:0:-1]):
        decoder += [basic_block(inputs, inputs),
                    nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False),
                    BatchNorm(outputs), nn.ReLU()]
    decoder += [basic_block(widths[1], widths[1]),
                nn.ConvTranspose2d(widths[1], channels, 4, 2, 1), Pixels()]
    size = widths[-1] * MAP * MAP
    return Networks(
        nn.Sequential(*encoder, nn.Flatten(), nn.Linear(size, plan.outputs)),
        nn.Sequential(nn.Linear(plan.dim, size), nn.Unflatten(1, (widths[-1], MAP, MAP)), *decoder))
