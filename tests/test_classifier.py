"""The classifier: augmentation, features, exact resumption, shipped weights."""

import json

import pytest
import torch

from benchmarks.harness.command import main
from benchmarks.harness.data.datasets import Split
from benchmarks.harness.errors import UsageError
from benchmarks.harness.measure import features
from benchmarks.harness.measure.features import Classifier, shipped_classifier
from benchmarks.harness.train import classifier_training


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(classifier_training, "EPOCHS", 3)
    monkeypatch.setattr(classifier_training, "BATCH", 16)
    draws = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 10, (64,), generator=draws)
    x = (20 * labels[:, None, None, None] + torch.randint(0, 9, (64, 3, 32, 32), generator=draws))
    return Split(x.to(torch.uint8), labels)


def test_classifier_training_resumes_bit_for_bit(small):
    whole, first = (classifier_training.ClassifierTrainer(small, "cpu") for _ in range(2))
    losses = [whole.advance() for _ in range(3)]
    first.advance()
    second = classifier_training.ClassifierTrainer(small, "cpu")
    second.restore(first.state())
    assert [second.advance() for _ in range(2)] == losses[1:]
    for a, b in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(a, b)
    assert losses[2] < losses[0]


def test_augmentation_only_mirrors_and_shifts_images():
    row = torch.arange(32.0)
    x = (row[:, None] * 32 + row).expand(200, 3, 32, 32)
    made = classifier_training.augment(x, torch.Generator().manual_seed(0))
    assert made.shape == x.shape
    inner = made[:, :, 8:24, 8:24]
    steps = inner[:, 0, :, 1:] - inner[:, 0, :, :-1]
    mirrored = (steps == -1).flatten(1).all(1)
    assert ((steps == 1).flatten(1).all(1) | mirrored).all()  # columns in one order or the other
    assert 60 < int(mirrored.sum()) < 140
    assert (inner[:, 0, 1:] - inner[:, 0, :-1] == 32).all()  # rows keep their order
    corners = made[:, 0, 16, 16] - x[:, 0, 16, 16]
    assert len(corners.unique()) > 60  # moved by up to four pixels each way


def test_features_are_the_inputs_of_the_last_layer():
    network = Classifier((4, 8, 8, 8)).eval()
    x = torch.rand(5, 3, 32, 32)
    features = network.features(x)
    assert features.shape == (5, 8)
    torch.testing.assert_close(network(x), network.head(features))


def test_classifier_command_refuses_names_and_needs_cifar_10(capsys, place, monkeypatch):
    from benchmarks.harness.data import cifar10
    monkeypatch.setattr(cifar10, "MIRRORS", ["http://127.0.0.1:9/"])
    for words, message in ((["classifier", "fig1"], "takes no names"),
                           (["classifier"], "CIFAR-10 is missing")):
        assert main.main([*words, *place.options]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


def test_missing_or_corrupt_weights_are_named(tmp_path, monkeypatch):
    path = tmp_path / "cifar10.safetensors"
    monkeypatch.setattr(features, "WEIGHTS", path)
    with pytest.raises(UsageError, match=r"bench\.py classifier makes it"):
        shipped_classifier()
    path.write_bytes(b"rubbish")
    path.with_suffix(".json").write_text(json.dumps({"sha256": "0"}))
    with pytest.raises(UsageError, match="is corrupt; restore it"):
        shipped_classifier()
