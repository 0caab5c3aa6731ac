"""Architectures: the paper's parameter counts, output shapes, options of a plan."""

from itertools import product

import pytest
import torch
from torch import nn

from benchmarks import table1, table2
from methods.architectures import ARCHITECTURES
from methods.networks import Plan

CONVOLUTIONAL = ("a1", "a2", "residual")


def parameters(name, size, channels=3, dim=128, **options):
    with torch.device("meta"):
        networks = ARCHITECTURES[name](Plan((channels, size, size), dim, dim, **options))
    return [sum(p.numel() for p in part.parameters()) for part in networks]


@pytest.mark.parametrize(("name", "size", "start", "expected"), [
    ("a1", 64, 4, 38_644_867), ("a1", 64, 8, 44_985_475),  # A19: 38.65 and 44.99 million
    ("a1", 32, 4, 37_072_003), ("a1", 32, 8, 42_602_627),
    ("a2", 64, 4, 24_441_219), ("a2", 32, 4, 24_441_219),  # A21: 24.44 million
    ("residual", 256, 4, 50_949_187), ("residual", 64, 4, 18_955_331),
    ("residual", 32, 4, 5_183_043),
])
def test_parameter_counts_equal_the_papers(name, size, start, expected):
    assert sum(parameters(name, size, start=start)) == expected


@pytest.mark.parametrize(("table", "size"), [(table1, 64), (table2, 32)])
def test_counts_of_claim_c18_equal_the_networks(table, size):
    by_start, a2 = table.PARAMETERS
    assert by_start == {start: sum(parameters("a1", size, start=start)) for start in (4, 8)}
    assert a2 == sum(parameters("a2", size))


@pytest.mark.parametrize("dim", [8, 32])
def test_small_autoencoder_has_its_stated_parameter_count(dim):
    convolution, ends = (9 * 16 + 1) * 16, 16 * 49 * 128 + 128 * dim
    encoder, decoder = convolution + ends + 128 + dim, ends + 128 + 16 * 49 + convolution
    assert parameters("small", 28, 1, dim) == [encoder, decoder]


def test_a2_encoder_and_decoder_have_the_blocks_of_a_resnet_18():
    assert parameters("a2", 64) == [12_217_536, 12_223_683]


@pytest.mark.parametrize(("name", "shape"), [
    *product((*CONVOLUTIONAL, "small"), [(3, 32, 32), (3, 64, 64), (1, 32, 32)]),
    ("residual", (3, 256, 256)), ("small", (1, 28, 28))])
def test_decoder_output_has_the_shape_of_the_input(name, shape):
    networks = ARCHITECTURES[name](Plan(shape, 10, 11, width=1 / 16))
    x = torch.rand(3, *shape)
    z = networks.encoder(x)
    assert z.shape == (3, 11)
    made = networks.decoder(z[:, :10])
    assert made.shape == x.shape
    assert float(made.detach().min()) > 0
    assert float(made.detach().max()) < 1


@pytest.mark.parametrize("start", [4, 8])
@pytest.mark.parametrize("size", [32, 64])
def test_a1_decoder_starts_at_the_given_map_size(start, size):
    decoder = ARCHITECTURES["a1"](Plan((3, size, size), 8, 8, 1 / 16, start)).decoder
    assert decoder[1].unflattened_size[1:] == (start, start)
    assert decoder(torch.zeros(2, 8)).shape == (2, 3, size, size)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_every_convolution_but_the_last_is_normalised(name):
    encoder, decoder = ARCHITECTURES[name](Plan((3, 64, 64), 8, 8, 1 / 16))
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    for network, free in ((encoder, 0), (decoder, 1)):
        convolutions = sum(isinstance(module, kinds) for module in network.modules())
        norms = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
        assert convolutions - norms == free


@pytest.mark.parametrize("name", [*CONVOLUTIONAL, "small"])
def test_width_scales_the_channels(name):
    whole, quarter = (sum(parameters(name, 64, width=width)) for width in (1.0, 0.25))
    assert 10 < whole / quarter < 17  # a sixteenth, except the layers next to image and code


@pytest.mark.parametrize("name", ["mlp2", "mlp3"])
def test_perceptrons_have_the_declared_layers(name):
    hidden = {"mlp2": (1, 1), "mlp3": (3, 2)}[name]
    networks = ARCHITECTURES[name](Plan((1, 28, 28), 6, 7))
    for network, count in zip(networks, hidden, strict=True):
        layers = [m for m in network if isinstance(m, nn.Linear)]
        assert [layer.out_features for layer in layers[:-1]] == [128] * count


def test_gradient_reaches_every_parameter():
    for name in (*CONVOLUTIONAL, "small"):
        networks = ARCHITECTURES[name](Plan((3, 32, 32), 8, 8, 1 / 16))
        # not the plain sum: after a batch norm it is constant
        networks.decoder(networks.encoder(torch.rand(4, 3, 32, 32))).square().sum().backward()
        for part in networks:
            assert all(p.grad is not None for p in part.parameters()), name
