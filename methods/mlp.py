"""Multilayer perceptrons with ReLU."""

from itertools import pairwise
from math import prod

from torch import nn

from methods.networks import Architecture, Networks, Plan
from methods.precision import Pixels


def perceptron(sizes: list[int]) -> list[nn.Module]:
    """Linear layers of the given sizes, with a ReLU between consecutive ones."""
    layers: list[nn.Module] = []
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers += [nn.ReLU()] if k else []
        layers += [nn.Linear(inputs, outputs)]
    return layers


def mlp(hidden: int, hidden_decoder: int) -> Architecture:
    """Encoder and decoder with these numbers of hidden layers, of 128 units at width 1."""
    def networks(plan: Plan) -> Networks:
        size, units = prod(plan.shape), plan.channels(128)
        encoder = perceptron([size, *[units] * hidden, plan.outputs])
        decoder = perceptron([plan.dim, *[units] * hidden_decoder, size])
        return Networks(nn.Sequential(nn.Flatten(), *encoder),
                        nn.Sequential(*decoder, Pixels(), nn.Unflatten(1, plan.shape)))
    return networks
