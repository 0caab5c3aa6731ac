"""Tests on the real data sets in $WAE_BENCH_DATA_DIR; skipped where they are missing."""

import csv
import json
from math import ceil
import os
from pathlib import Path

from busy import work_of
import pytest
import torch
from torchvision.transforms.functional import gaussian_blur

from benchmarks.harness.data import packed
from benchmarks.harness.data.datasets import points, to_float
from benchmarks.harness.measure import features
from benchmarks.harness.measure.feature_scores import fit_gaussian, frechet_distance
from benchmarks.harness.measure.image_swd import image_swd
from benchmarks.harness.measure.trained_model import in_chunks
from benchmarks.harness.spec.run import Run
from benchmarks.harness.train.classifier_training import accuracy_of

DATA = Path(os.environ.get("WAE_BENCH_DATA_DIR", ""))
MNIST_RUN = Run("mnist", 60_000, "mlp3", "mmd", (), "1", dim=6, epochs=1, batch=8)
pytestmark = pytest.mark.skipif("WAE_BENCH_DATA_DIR" not in os.environ,
                                reason="$WAE_BENCH_DATA_DIR names no folder")


@pytest.fixture(scope="module")
def packed_mnist(tmp_path_factory):
    root = tmp_path_factory.mktemp("packed")
    packed.prepare([MNIST_RUN], root, DATA, {})
    return root


def test_mnist_is_complete_shuffled_and_equals_torchvisions(packed_mnist):
    from torchvision.datasets import MNIST
    for split, n, train in (("test", 10_000, False), ("train", MNIST_RUN.n_train, True)):
        ours = points(MNIST_RUN, split, n, packed_mnist)
        oracle = MNIST(DATA, train=train)
        assert torch.equal(ours.labels.bincount(), oracle.targets.bincount())
        order, theirs = (x.flatten(1).double() @ torch.arange(784.0).double().sin()
                         for x in (ours.x[:, 0].flatten(1), oracle.data.flatten(1)))
        assert torch.equal(ours.labels[order.argsort()].long(), oracle.targets[theirs.argsort()])
        assert torch.allclose(order.sort().values, theirs.sort().values)
        first = ours.labels[:1000].bincount(minlength=10)
        assert (first - 100).abs().max() < 40


def test_figure_7_separates_real_digits(packed_mnist, place):
    done = place.bench("fig7", "--scale", "mini", "--seeds", "1", "--data-dir", str(DATA))
    assert done.returncode == 0, done.stdout + done.stderr
    table = place.results / "custom" / "mini" / "fig7-tsne" / "data.csv"
    scores = {row["arm"]: row for row in csv.DictReader(table.read_text().splitlines())}
    assert set(scores) == {"moca[tau=0.99]", "svae", "moca[tau=0.05]"}
    for row in scores.values():
        assert float(row["knn10_accuracy_mean"]) > 0.5
        assert float(row["nmi_mean"]) > 0.25
        assert 15 < float(row["test_reconstruction_mean"]) < 40
        assert row["n_eval"] == "2000"


CIFAR_RUN = Run("cifar10", 50_000, "a1", "mmd", (), "1", dim=8, epochs=1, batch=8)


@pytest.fixture(scope="module")
def cifar10(tmp_path_factory):
    root = tmp_path_factory.mktemp("cifar10")
    work = work_of(lambda: packed.prepare([CIFAR_RUN], root, DATA, {}))
    assert work < 60
    return [points(CIFAR_RUN, *of, root) for of in (("train", 50_000), ("test", 10_000))]


def test_cifar_10_is_complete_shuffled_and_equals_torchvisions(cifar10):
    from torchvision.datasets import CIFAR10
    for ours, train in zip(cifar10, (True, False), strict=True):
        oracle = CIFAR10(DATA, train=train)
        theirs = torch.from_numpy(oracle.data).permute(0, 3, 1, 2).flatten(1)
        weights = torch.arange(3072.0).double().sin()
        keys = [x.double() @ weights for x in (ours.x.flatten(1), theirs)]
        order, other = (key.argsort() for key in keys)
        assert torch.equal(ours.x.flatten(1)[order], theirs[other])
        assert torch.equal(ours.labels[order].long(), torch.tensor(oracle.targets)[other])
        assert (ours.labels[:1000].bincount() - 100).abs().max() < 40


def test_image_swd_of_cifar_10_has_its_known_value(cifar10):
    """METHODS section 3, N = 1024 against the test set: its first 1024 images there differ."""
    n = 1024
    train, test = (split.x[:n].float() / 255 for split in cifar10)
    shown = {
        "train": (train, 139, 0.06),
        "mean": (cifar10[0].x.float().mean(0).div(255).expand(n, -1, -1, -1), 4820, 0.08),
        **{f"blur {sigma}": (gaussian_blur(train, [8 * sigma + 1] * 2, [sigma] * 2), value, 0.08)
           for sigma, value in ((1, 684), (3, 2096))},
    }
    for name, (images, value, tolerance) in shown.items():
        found = image_swd(images.contiguous(), test, torch.Generator().manual_seed(0))
        assert found["std"] == pytest.approx(value, rel=tolerance), name


@pytest.fixture(scope="module", params=["cifar10", "mnist"])
def classified(request):
    """A classifier's name, and training and test images of its data set."""
    if request.param == "cifar10":
        return request.param, *request.getfixturevalue("cifar10")
    root = request.getfixturevalue("packed_mnist")
    return request.param, *(points(MNIST_RUN, split, 10_000, root) for split in ("train", "test"))


def test_shipped_classifier_ranks_images_by_damage(classified):
    """Distances rise from real training images over stronger and stronger blurs to noise."""
    name, *splits = classified
    network = features.shipped_classifier(name)

    def fitted(images):
        with torch.no_grad():
            return fit_gaussian(in_chunks(lambda x: network.features(to_float(x)), images))

    n = 2000
    train, test = splits[0].x[:n], fitted(splits[1].x[:n])
    blurred = [(gaussian_blur(train.float(), [8 * ceil(sigma) + 1] * 2, [sigma] * 2)).round().byte()
               for sigma in (0.5, 1, 2, 3)]
    noise = torch.randint(0, 256, train.shape, dtype=torch.uint8,
                          generator=torch.Generator().manual_seed(0))
    found = [frechet_distance(fitted(images), test) for images in (train, *blurred, noise)]
    assert found == sorted(found)
    assert len(set(found)) == len(found)


# name -> training images, share of test images classified correctly, bytes
STATED = {"cifar10": (50_000, 0.9, 8e6), "mnist": (55_000, 0.992, 2e6)}


def test_shipped_classifier_has_its_stated_accuracy(classified):
    name, _, test = classified
    n_train, least, most_bytes = STATED[name]
    said = json.loads(features.weights_of(name).with_suffix(".json").read_text())
    assert features.weights_of(name).stat().st_size <= most_bytes
    assert said["n_train"] == n_train
    accuracy = accuracy_of(features.shipped_classifier(name), test, "cpu")
    assert accuracy == pytest.approx(said["test_accuracy"], abs=2e-4)  # one or two rounding ties
    assert accuracy >= least
