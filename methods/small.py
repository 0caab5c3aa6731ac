"""A small convolutional autoencoder, for images of 28 x 28 on one processor core."""

from math import prod

from torch import nn

from methods.mlp import perceptron
from methods.networks import Networks, Plan
from methods.precision import Pixels

PATCH = 4  # pixels, the side; convolutions run on the map of patches, whose pixels are channels
CHANNELS, HIDDEN = 16, 128


def small(plan: Plan) -> Networks:
    """A 3x3 convolution over patches and a hidden layer; the decoder is their mirror image.

    Most of a step of strided convolutions on full images would be moving memory. No batch norm:
    codes would differ between training, which matches them, and evaluation, which measures that."""
    channels, height, width = plan.shape
    pixels, features, hidden = channels * PATCH**2, plan.channels(CHANNELS), plan.channels(HIDDEN)
    bottom = (features, height // PATCH, width // PATCH)
    encoder = nn.Sequential(
        nn.PixelUnshuffle(PATCH), nn.Conv2d(pixels, features, 3, 1, 1), nn.ReLU(),
        nn.Flatten(), *perceptron([prod(bottom), hidden, plan.outputs]))
    decoder = nn.Sequential(
        *perceptron([plan.dim, hidden, prod(bottom)]), nn.ReLU(), nn.Unflatten(1, bottom),
        nn.Conv2d(features, pixels, 3, 1, 1), nn.PixelShuffle(PATCH), Pixels())
    return Networks(encoder, decoder)
