"""A1: the convolutional autoencoder of Tolstikhin et al. 2018 (wae models.py, configs.py)."""

from itertools import pairwise
from math import log2

from torch import nn

from methods.networks import BatchNorm, Networks, Plan
from methods.precision import Pixels

CHANNELS = (128, 256, 512, 1024)


def a1(plan: Plan) -> Networks:
    """5x5 kernels, batch norm after every convolution but the last (MoCA paper, Appendix A).

    The decoder starts from a map of side `plan.start`: 4 is WAE's "dcgan" and gives the paper's 38
    million parameters on CelebA, 8 is WAE's own setting for CelebA (A19). Padding of 2 on all sides
    replaces TensorFlow's one-sided padding: a shift by one pixel, the same parameters."""
    channels, height, width = plan.shape
    widths = [plan.channels(count) for count in CHANNELS]
    bottom = height // 2 ** len(widths)
    encoder: list[nn.Module] = []
    for inputs, outputs in pairwise([channels, *widths]):
        encoder += [nn.Conv2d(inputs, outputs, 5, 2, 2), BatchNorm(outputs), nn.ReLU()]
    encoder += [nn.Flatten(),
                nn.Linear(widths[-1] * bottom * (width // 2 ** len(widths)), plan.outputs)]
    return Networks(nn.Sequential(*encoder), _decoder(plan, widths[::-1]))


def _decoder(plan: Plan, widths: list[int]) -> nn.Sequential:
    """Doubles the map to the image's size, in the output layer too if one doubling is left."""
    channels, height, width = plan.shape
    doublings = int(log2(height // plan.start))
    hidden = widths[:min(doublings, len(widths) - 1) + 1]
    start = (widths[0], plan.start, plan.start * width // height)
    layers: list[nn.Module] = [nn.Linear(plan.dim, start[0] * start[1] * start[2]),
                               nn.Unflatten(1, start), nn.ReLU()]
    for inputs, outputs in pairwise(hidden):
        layers += [_doubling(inputs, outputs), BatchNorm(outputs), nn.ReLU()]
    last = (_doubling(hidden[-1], channels) if doublings == len(hidden)
            else nn.ConvTranspose2d(hidden[-1], channels, 5, 1, 2))
    return nn.Sequential(*layers, last, Pixels())


def _doubling(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, output_padding=1)
