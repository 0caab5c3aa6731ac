"""A small convolutional autoencoder, for images of 28 x 28 on one processor core."""

from math import prod

from torch import nn

from methods.mlp import perceptron
from methods.networks import Networks, Plan
from methods.precision import Pixels

CHANNELS, HIDDEN = (8, 16), 128


def small(plan: Plan) -> Networks:
    """Two strided convolutions and a hidden layer; the decoder is their mirror image.

    Its doublings are sub-pixel convolutions (Shi et al. 2016), on a processor cheaper than
    transposed ones. There is no batch norm: it would cost a fifth of a step, and codes would differ
    between training, which matches them, and evaluation, which measures the match."""
    channels, height, width = plan.shape
    first, second = (plan.channels(count) for count in CHANNELS)
    hidden, bottom = plan.channels(HIDDEN), (second, height // 4, width // 4)
    encoder = nn.Sequential(
        nn.Conv2d(channels, first, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(first, second, 4, 2, 1), nn.ReLU(),
        nn.Flatten(), *perceptron([prod(bottom), hidden, plan.outputs]))
    decoder = nn.Sequential(
        *perceptron([plan.dim, hidden, prod(bottom)]), nn.ReLU(), nn.Unflatten(1, bottom),
        *_doubling(second, first), nn.ReLU(), *_doubling(first, channels), Pixels())
    return Networks(encoder, decoder)


def _doubling(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, 4 * outputs, 3, 1, 1), nn.PixelShuffle(2)]
