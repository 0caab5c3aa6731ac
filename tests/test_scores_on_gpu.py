"""Where measures compute: on the device of the networks, without mixing devices or waiting.

The device is a stand-in that computes on the CPU: see `pretend_gpu`."""

from contextlib import contextmanager

import numpy as np
import pytest
from test_distances import draws, features, naive_scores
import torch

from benchmarks.harness.data.datasets import Split, points
from benchmarks.harness.measure import feature_scores, trained_model
from benchmarks.harness.measure.feature_scores import SUBSETS, manifold_scores
from benchmarks.harness.measure.features import CLASSIFIERS, Classifier
from benchmarks.harness.measure.measures import MEASURES
from benchmarks.harness.measure.trained_model import Model, TrainedModel, in_chunks
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from benchmarks.harness.train import build
from benchmarks.harness.train.classifier_training import accuracy_of
from methods.priors import PRIORS

RUN = resolve(Run("procedural", 64, "a1", "moca", (), "1", dim=8, epochs=1, batch=16,
                  width=1 / 64, image_size=32), "moca", {"K": 32})
N = 24
NUMBERS = ("reconstruction", "latent_swd", "isotropy", "image_swd", "cifar10")
PICTURES = ("pictures", "samples", "reconstructions", "interpolations")


@contextmanager
def on_gpu(float64=True):
    # not at the top: torch can be told of such a device once in a process, and never forgets it
    from pretend_gpu import pretend_gpu
    with pretend_gpu(float64) as gpu:
        yield gpu


@pytest.fixture(autouse=True)
def few_subsets(monkeypatch):
    monkeypatch.setattr(feature_scores, "SUBSETS", 6)


def measured(name, device, folder):
    """The measure of an untrained model on the device."""
    networks = build.autoencoder(RUN, (3, 32, 32), PRIORS[RUN.prior](RUN.dim))
    for network in networks:
        network.to(device).eval()
    test = points(RUN, "test", N, folder)
    return MEASURES[name](TrainedModel(RUN, Model(*networks), test, folder, str(device)))


def test_the_stand_in_refuses_what_a_gpu_refuses_and_notes_what_is_fetched():
    with on_gpu() as gpu:
        x = torch.ones(3).to(gpu.device)
        with pytest.raises(AssertionError, match="two devices"):
            x + torch.ones(3)
        assert (x + 1).device.type == gpu.device.type
        assert gpu.fetched == []
        assert float(x.sum()) == 3
        assert (2 * x).cpu().tolist() == [2, 2, 2]
        assert gpu.fetched == [1, 3]
    with on_gpu(float64=False) as gpu, pytest.raises(TypeError, match="float64"):
        torch.ones(3).to(gpu.device).double()


def test_scores_on_a_gpu_are_the_cpus_and_wait_for_it_four_times():
    real, made = features(70, 9, 0).float(), features(60, 9, 1, shift=0.2).float()
    expected = feature_scores.feature_scores("cifar10", real=real, made=made, draws=draws())
    with on_gpu() as gpu:
        found = feature_scores.feature_scores(
            "cifar10", real=real.to(gpu.device), made=made.to(gpu.device), draws=draws())
    assert found == pytest.approx(expected, rel=1e-6, abs=0)
    # the subsets' kernel distances, the four shares, Cholesky's success, the Frechet distance
    assert gpu.fetched == [feature_scores.SUBSETS, 4, 1, 1]
    assert SUBSETS == 100


def test_manifold_scores_on_a_gpu_are_of_distances_in_float64():
    """Far from the origin float32 loses the digits that tell who lies inside which ball."""
    real, made = (features(200, 30, 0) + 1000).float(), (features(150, 30, 1, 0.2) + 1000).float()
    expected = naive_scores(real.double().numpy(), made.double().numpy(), 5)
    with on_gpu() as gpu:
        found = manifold_scores(real=real.to(gpu.device), made=made.to(gpu.device))
    assert found == pytest.approx(expected, rel=1e-12)
    assert manifold_scores(real=real, made=made) != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", [*NUMBERS, *PICTURES])
def test_a_measure_computes_on_the_device_of_the_networks(name, tmp_path):
    with torch.no_grad():
        expected = measured(name, "cpu", tmp_path)
    with on_gpu() as gpu:
        found = measured(name, gpu.device, tmp_path)
    assert found.numbers == pytest.approx(expected.numbers, rel=1e-6, abs=0)
    assert found.files == expected.files
    if name in NUMBERS:  # codes are fetched, images and features never
        assert max(gpu.fetched) <= N * RUN.dim
        assert len(gpu.fetched) < 20


@pytest.mark.parametrize("name", NUMBERS)
def test_a_gpu_without_float64_leaves_the_numbers_to_the_cpu(name, tmp_path, monkeypatch):
    with torch.no_grad():
        expected = measured(name, "cpu", tmp_path).numbers
    with on_gpu(float64=False) as gpu:
        if name != "isotropy":  # of codes, which the CPU has anyway
            with pytest.raises(TypeError, match="float64"):
                measured(name, gpu.device, tmp_path)
        monkeypatch.setattr(trained_model, "WITHOUT_FLOAT64", (gpu.device.type,))
        assert measured(name, gpu.device, tmp_path).numbers == pytest.approx(expected, rel=1e-6)


def test_apples_gpus_are_those_without_float64():
    assert trained_model.measured_on("mps") == torch.device("cpu")
    assert trained_model.measured_on("cuda:1") == torch.device("cuda", 1)
    assert trained_model.measured_on("cpu") == torch.device("cpu")


def test_points_in_chunks_stay_on_the_device():
    x = torch.arange(7.0)
    with on_gpu() as gpu:
        found = in_chunks(lambda part: part.to(gpu.device) + 1, x, chunk=3)
        assert found.device.type == gpu.device.type
        assert gpu.fetched == []
        assert torch.equal(found.cpu(), x + 1)


def test_the_classifiers_accuracy_on_a_gpu_is_the_cpus():
    torch.manual_seed(0)
    network = Classifier(CLASSIFIERS["cifar10"]._replace(widths=(4, 8, 8, 8)))
    x = torch.randint(0, 256, (40, 3, 32, 32), generator=draws(), dtype=torch.uint8)
    test = Split(x, torch.from_numpy(np.arange(40) % 10))
    expected = accuracy_of(network, test, "cpu")
    with on_gpu() as gpu:
        assert accuracy_of(network.to(gpu.device), test, gpu.device) == expected
