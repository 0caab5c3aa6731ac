"""Measures of generated images against the distance functions on the same images."""

from dataclasses import replace
import math

import pytest
import torch

from benchmarks.harness.data.datasets import points
from benchmarks.harness.data.seeding import generator
from benchmarks.harness.measure import features
from benchmarks.harness.measure.feature_scores import fit_gaussian, frechet_distance
from benchmarks.harness.measure.features import CLASSIFIERS, Classifier
from benchmarks.harness.measure.image_swd import image_swd
from benchmarks.harness.measure.latent_metrics import spread_of
from benchmarks.harness.measure.measures import MEASURES
from benchmarks.harness.measure.trained_model import TrainedModel
from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from benchmarks.harness.train import build
from benchmarks.harness.train.curves import TrainingSetup
from benchmarks.harness.train.loop import Trainer, train
from benchmarks.recipes import CELEBA_HQ
from methods.priors import Sphere

RUN = resolve(Run("procedural", 64, "a1", "moca", (), "1", dim=8, epochs=1, batch=16, lam=5.0,
                  width=1 / 64, image_size=32), "moca", {"K": 32})
N = 50


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    data = points(RUN, "train", RUN.n_train, folder).x
    training = Trainer(TrainingSetup(RUN, data, folder, "cpu"), (), folder)
    train(training, math.inf, lambda: False, lambda: None, lambda: None)
    path = folder / "model.safetensors"
    path.write_bytes(build.weights_to_bytes(training.objective))
    test = points(RUN, "test", N, folder)
    with torch.no_grad():
        model = build.load_model(RUN, (3, 32, 32), path, "cpu")
        yield TrainedModel(RUN, model, test, folder / "data", "cpu")


def test_samples_are_prior_draws_of_the_seed_decoded(model):
    draws = Sphere(8).sample(N, generator(0, "samples"))
    assert torch.equal(model.samples, model.decoder(draws))


def test_scores_may_take_more_samples_than_test_images(model, monkeypatch):
    torch.manual_seed(0)
    network = Classifier(CLASSIFIERS["cifar10"]._replace(widths=(4, 8, 8, 8))).eval()
    monkeypatch.setattr(features, "shipped_classifier", lambda name: network)
    more = TrainedModel(RUN, (model.encoder, model.decoder), model.test, model.root, "cpu", 3 * N)
    assert torch.equal(more.samples, model.decoder(Sphere(8).sample(3 * N, generator(
        0, "samples"))))
    real, made = (network.features(x) for x in (
        model.test.x.float() / 255, (more.samples * 255).round() / 255))
    assert MEASURES["cifar10"](more).numbers["fd_cifar10"] == pytest.approx(
        frechet_distance(fit_gaussian(real), fit_gaussian(made)), rel=1e-4)


def test_celebahq_scores_take_10000_samples_against_all_test_images():
    asked = [measure for measure in CELEBA_HQ.scores("paper", "reconstruction")
             if measure.n_made]
    assert {(one.n_eval, one.n_made) for one in asked} == {(3000, 10_000)}
    assert [one.id for one in asked] == ["cifar10@3000,made=10000", "inception@3000,made=10000"]


def test_changed_measure_is_not_read_from_an_earlier_outcome():
    """Interpolations stored before are along great circles."""
    ids = [Measure(name, 8).id for name in ("interpolations", "pictures", "samples")]
    assert ids == ["interpolations@8,revision=2", "pictures@8,revision=2", "samples@8"]


def test_grey_images_count_as_three_equal_channels(model, monkeypatch):
    grey = model.test._replace(x=model.test.x[:, :1])
    shown = TrainedModel(RUN, (model.encoder, model.decoder), grey, model.root, "cpu")
    monkeypatch.setattr(TrainedModel, "samples", model.samples[:, :1])
    thrice = TrainedModel(RUN, (model.encoder, model.decoder),
                          grey._replace(x=grey.x.repeat(1, 3, 1, 1)), model.root, "cpu")
    assert MEASURES["image_swd"](shown).numbers == MEASURES["image_swd"](thrice).numbers


def test_image_swd_is_the_mean_over_two_draws_of_samples_and_images(model):
    found = MEASURES["image_swd"](model).numbers
    real = model.test.x.float() / 255
    for kind in ("std", "unit"):
        draws = generator(0, "evaluation")
        values = [image_swd(real, model.samples, draws)[kind] for _ in range(2)]
        assert values[0] != values[1]
        assert found[f"swd_image_{kind}"] == pytest.approx(sum(values) / 2)


def test_classifier_scores_use_its_features_of_8_bit_images(model, monkeypatch):
    torch.manual_seed(0)
    network = Classifier(CLASSIFIERS["cifar10"]._replace(widths=(4, 8, 8, 8))).eval()
    monkeypatch.setattr(features, "shipped_classifier", lambda name: network)
    found = MEASURES["cifar10"](model).numbers
    stored = (model.samples * 255).round() / 255
    real, made = (network.features(x) for x in (model.test.x.float() / 255, stored))
    expected = frechet_distance(fit_gaussian(real), fit_gaussian(made))
    assert found["fd_cifar10"] == pytest.approx(expected, rel=1e-4)
    assert set(found) == {"fd_cifar10", "kd_cifar10", "kd_cifar10_std", "precision_cifar10",
                          "recall_cifar10", "density_cifar10", "coverage_cifar10"}


def test_isotropy_is_reported_beside_its_floor(model):
    found = MEASURES["isotropy"](model)
    training = points(RUN, "train", RUN.n_train, model.root).x
    codes = model.encoder(training[:N].float() / 255)
    assert spread_of(codes).items() <= found.numbers.items()
    assert found.numbers["floor_effective_rank"] > 7
    lines = found.files["spectrum.csv"].decode().splitlines()
    assert lines[0] == "rank,codes,prior"
    assert len(lines) == 1 + 8
    values = [float(line.split(",")[1]) for line in lines[1:]]
    assert values == sorted(values, reverse=True)


def test_measures_do_not_depend_on_other_measures_draws(model):
    alone = MEASURES["image_swd"](model).numbers
    MEASURES["isotropy"](model)
    MEASURES["pictures"](model)
    assert MEASURES["image_swd"](model).numbers == alone
    assert replace(RUN, seed=1).key != RUN.key
