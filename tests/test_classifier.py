"""The classifiers: augmentation, features, exact resumption, shipped weights."""

import json

import pytest
import torch

from benchmarks.harness.command import main
from benchmarks.harness.data.datasets import Split
from benchmarks.harness.errors import UsageError
from benchmarks.harness.measure import features
from benchmarks.harness.measure.features import CLASSIFIERS, Classifier, shipped_classifier
from benchmarks.harness.train import classifier_training
from benchmarks.harness.train.classifier_training import (
    GROWTH,
    MOVE,
    TRAININGS,
    TURN,
    ClassifierTrainer,
    mirrored_and_moved,
    warped,
)


@pytest.fixture(params=TRAININGS)
def small(request, monkeypatch):
    """Makes trainers of 3 epochs on 64 images whose brightness tells the class."""
    monkeypatch.setattr(classifier_training, "BATCH", 16)
    form, draws = CLASSIFIERS[request.param], torch.Generator().manual_seed(0)
    monkeypatch.setitem(CLASSIFIERS, request.param, form._replace(widths=(4, 8, 8, 16)))
    shape = (64, form.channels, form.side, form.side)
    labels = torch.randint(0, 10, (64,), generator=draws)
    x = 20 * labels[:, None, None, None] + torch.randint(0, 9, shape, generator=draws)
    data = Split(x.to(torch.uint8), labels)
    return lambda: ClassifierTrainer(
        request.param, TRAININGS[request.param]._replace(epochs=3), data, "cpu")


def test_classifier_training_resumes_bit_for_bit(small):
    whole, first = small(), small()
    losses = [whole.advance() for _ in range(3)]
    first.advance()
    second = small()
    second.restore(first.state())
    assert [second.advance() for _ in range(2)] == losses[1:]
    for a, b in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(a, b)
    assert losses[2] < losses[0]


def test_augmentation_of_pictures_only_mirrors_and_shifts_them():
    row = torch.arange(32.0)
    x = (row[:, None] * 32 + row).expand(200, 3, 32, 32)
    made = mirrored_and_moved(x, torch.Generator().manual_seed(0))
    assert made.shape == x.shape
    inner = made[:, :, 8:24, 8:24]
    steps = inner[:, 0, :, 1:] - inner[:, 0, :, :-1]
    mirrored = (steps == -1).flatten(1).all(1)
    assert ((steps == 1).flatten(1).all(1) | mirrored).all()  # columns in one order or the other
    assert 60 < int(mirrored.sum()) < 140
    assert (inner[:, 0, 1:] - inner[:, 0, :-1] == 32).all()  # rows keep their order
    corners = made[:, 0, 16, 16] - x[:, 0, 16, 16]
    assert len(corners.unique()) > 60  # moved by up to four pixels each way


def test_augmentation_of_digits_only_turns_scales_and_moves_them():
    """On a ramp a map of the plane is seen in full: its slope turns, its level moves."""
    places = torch.arange(28.0) - 13.5
    x = (places + 20).expand(400, 1, 28, 28)  # the column, counted from the middle
    made = warped(x, torch.Generator().manual_seed(0))[:, 0, 9:19, 9:19]
    right, down = ((ahead - behind).mean((1, 2)) for ahead, behind in (
        (made[:, :, 1:], made[:, :, :-1]), (made[:, 1:], made[:, :-1])))
    size, angle, moved = torch.hypot(right, down), torch.atan2(-down, right), made.mean((1, 2)) - 20
    for seen, most in ((size - 1, GROWTH), (angle, TURN), (moved, MOVE)):
        assert 0.95 * most < float(seen.abs().max()) < most + 1e-4
        assert abs(float(seen.mean())) < 0.15 * most
    plane = right[:, None, None] * places[9:19] + down[:, None, None] * places[9:19, None]
    torch.testing.assert_close(made, 20 + moved[:, None, None] + plane)  # and nothing else
    assert float(warped(torch.ones(50, 1, 28, 28), torch.Generator())[:, 0].amin((1, 2)).max()) < 1
    # beyond the border it is black


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_features_are_the_inputs_of_the_last_layer(name):
    form = CLASSIFIERS[name]._replace(widths=(4, 8, 8, 8))
    network = Classifier(form).eval()
    x = torch.rand(5, form.channels, form.side, form.side)
    features = network.features(x)
    assert features.shape == (5, 8)
    torch.testing.assert_close(network(x), network.head(features))
    assert torch.equal(network.features_of_any(x), features)


def test_images_of_another_form_are_converted_to_the_networks():
    colour = torch.rand(5, 3, 32, 32)
    luminance = (colour * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    digits = Classifier(CLASSIFIERS["mnist"]).eval()
    torch.testing.assert_close(digits.features_of_any(colour), digits.features_of_any(luminance),
                               rtol=1e-2, atol=1e-6)
    assert digits.features_of_any(colour).shape == (5, 128)
    pictures = Classifier(CLASSIFIERS["cifar10"]).eval()
    grey = luminance.repeat(1, 3, 1, 1)
    assert torch.equal(pictures.features_of_any(luminance), pictures.features_of_any(grey))


def test_mnist_classifier_has_at_most_two_megabytes():
    assert sum(p.numel() for p in Classifier(CLASSIFIERS["mnist"]).parameters()) < 2e6 / 4


def test_classifier_command_takes_one_known_name_and_needs_its_data(capsys, place, monkeypatch):
    from benchmarks.harness.data import cifar10, mnist
    monkeypatch.setattr(cifar10, "MIRRORS", ["http://127.0.0.1:9/"])
    files = {"train-images-idx3-ubyte.gz": "0"}
    monkeypatch.setattr(mnist, "_mirrors", lambda: (["http://127.0.0.1:9/"], files))
    for words, message in ((["classifier", "cifar"], "unknown classifier 'cifar'; did you mean"),
                           (["classifier", "mnist", "cifar10"], "takes one name"),
                           (["classifier"], "CIFAR-10 is missing"),
                           (["classifier", "mnist"], "MNIST is missing")):
        assert main.main([*words, *place.options]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


def test_missing_or_corrupt_weights_are_named(tmp_path, monkeypatch):
    path = tmp_path / "mnist.safetensors"
    monkeypatch.setattr(features, "WEIGHTS", tmp_path)
    with pytest.raises(UsageError, match=r"bench\.py classifier mnist makes it"):
        shipped_classifier("mnist")
    path.write_bytes(b"rubbish")
    path.with_suffix(".json").write_text(json.dumps({"sha256": "0"}))
    with pytest.raises(UsageError, match="is corrupt; restore it"):
        shipped_classifier("mnist")
