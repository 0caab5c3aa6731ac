"""Data sets and batches: distributions, seeds, shapes."""

from dataclasses import replace

from conftest import ROOT
import pytest
import torch

from benchmarks.harness.data.datasets import GENERATED, labelled_images, points, to_float
from benchmarks.harness.data.seeding import generator, stream
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.run import Run
from benchmarks.harness.train.loop import BatchSampler

RUN = Run("synthetic-normal", 4000, "mlp2", "mmd", (), "1", dim=8, epochs=1, batch=8)


def load(run):
    return points(run, "train", run.n_train, ROOT).x


def test_synthetic_sets_follow_their_distributions():
    normal, uniform = load(RUN), load(replace(RUN, dataset="synthetic-uniform"))
    assert normal.shape == uniform.shape == (4000, 100)
    assert abs(float(normal.mean())) < 0.01
    assert float(normal.var()) == pytest.approx(1, abs=0.01)
    assert 0 <= float(uniform.min()) < 1e-3 < 0.999 < float(uniform.max()) < 1
    assert float(uniform.var()) == pytest.approx(1 / 12, abs=1e-3)


def test_synthetic_sets_depend_on_the_seed_and_images_do_not():
    for name in GENERATED:
        runs = [replace(RUN, dataset=name, n_train=16, seed=seed) for seed in (0, 0, 1)]
        first, again, other = map(load, runs)
        assert torch.equal(first, again)
        assert torch.equal(first, other) != name.startswith("synthetic")


def test_unknown_data_set_is_named():
    with pytest.raises(UsageError, match="did you mean 'procedural'"):
        load(replace(RUN, dataset="procedual"))


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (3, 64, 64)])
def test_procedural_images_have_the_right_shape_and_differ(shape):
    images = labelled_images(20, generator(0, "data"), *shape[:2]).x
    assert images.shape == (20, *shape)
    assert images.dtype == torch.uint8
    flat = images.flatten(1).float()
    assert (torch.cdist(flat, flat) + 1e6 * torch.eye(20)).min() > 100
    assert flat.std(1).min() > 2  # not a constant image
    scaled = to_float(images)
    assert 0 <= scaled.min() < scaled.max() <= 1
    assert torch.equal((scaled * 255).round().to(torch.uint8), images)


def test_random_streams_are_independent_and_named():
    names = ("data", "weights", "order", "prior", "method", "evaluation")
    seeds = {stream(seed, name) for seed in range(50) for name in names}
    assert len(seeds) == 50 * len(names)


def test_batches_drop_the_incomplete_last_one():
    batches = BatchSampler(10, 4, generator(0, "order"))
    epochs = []
    for _ in range(3):
        batches.renew()
        epochs.append(torch.cat([batches.at(0), batches.at(1)]))
    assert torch.equal(batches.at(torch.tensor(7)), batches.at(1))  # counts on through the epochs
    assert all(len(set(epoch.tolist())) == 8 for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])
