"""Measures of trained models against plain second implementations, and where they are stored."""

from dataclasses import replace
import io
import json
import math
import os
import signal
from threading import Event

from contract import generator
from matplotlib.image import imread
import numpy as np
import pytest
from sklearn.metrics import mutual_info_score
import torch

from benchmarks.harness.data.datasets import points, to_float
from benchmarks.harness.errors import UsageError
from benchmarks.harness.measure.image_grids import GAP, png
from benchmarks.harness.measure.latent_metrics import LatentSWD
from benchmarks.harness.measure.measures import MEASURES
from benchmarks.harness.measure.trained_model import (
    POINTS_AT_ONCE,
    Model,
    TrainedModel,
    in_chunks,
    points_at_once,
)
from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from benchmarks.harness.store.run_folder import RunFolder
from benchmarks.harness.train import build
from benchmarks.harness.train.curves import TrainingSetup
from benchmarks.harness.train.interrupts import InterruptedRun, StopRequest, stop_on_signals
from benchmarks.harness.train.loop import Trainer, train
from methods.priors import PRIORS, Gaussian, Sphere

WAE_RUN = resolve(Run("procedural-28", 192, "mlp3", "moca", (), "1", dim=6, epochs=2, batch=64,
                      lam=5.0), "moca", {"K": 96})
RUNS = {"moca": WAE_RUN, "svae": resolve(WAE_RUN, "svae", {}),
        "gaussian": resolve(replace(WAE_RUN, prior="gaussian"), "mmd", {})}
N = 60


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Each run trained, its weights stored and read again."""
    folder, found = tmp_path_factory.mktemp("models"), {}
    for name, run in RUNS.items():
        data = points(run, "train", run.n_train, folder).x
        training = Trainer(TrainingSetup(run, data, folder, "cpu"), (), folder)
        train(training, math.inf, lambda: False, lambda: None, lambda: None)
        path = folder / f"{name}.safetensors"
        path.write_bytes(build.weights_to_bytes(training.objective))
        with torch.no_grad():
            model = build.load_model(run, (1, 28, 28), path, "cpu")
            found[name] = (TrainedModel(run, model, points(run, "test", N, folder), folder, "cpu"),
                           training)
    return found


@pytest.fixture(params=RUNS)
def model(request, trained):
    with torch.no_grad():
        yield trained[request.param][0]


@pytest.mark.parametrize("name", RUNS)
def test_stored_model_equals_the_trained_model(name, trained):
    model, training = trained[name]
    x = to_float(model.test.x)
    training.objective.eval()
    with torch.no_grad():
        z = training.objective.encoder(x)
        assert torch.equal(model.codes, z)
        assert torch.equal(model.decode(z), training.objective.decoder(z))
    assert not any(module.training for module in (model.encoder, model.decoder))


def test_corrupt_model_file_is_named(tmp_path, trained):
    whole = build.weights_to_bytes(trained["moca"][1].objective)
    for data in (whole[:-4], b"", whole[:8] + b"x" + whole[9:]):
        (tmp_path / "model.safetensors").write_bytes(data)
        with pytest.raises(UsageError, match=r"model\.safetensors is corrupt"):
            build.load_model(WAE_RUN, (1, 28, 28), tmp_path / "model.safetensors", "cpu")


def test_knn_accuracy_leaves_out_the_point_itself(model):
    z, labels = model.codes.double().numpy(), model.labels
    right = 0
    for i in range(N):
        order = [j for j in np.argsort(((z - z[i]) ** 2).sum(1)) if j != i][:10]
        votes = np.bincount(labels[order], minlength=4)
        right += votes.argmax() == labels[i]  # ties go to the smaller class, as in scikit-learn
    assert MEASURES["clusters"](model).numbers["knn10_accuracy"] == pytest.approx(right / N)


class Fixed:
    """Stands in for a trained model with given codes."""

    random_state = 0

    def __init__(self, z, labels):
        self.codes, self.labels = torch.from_numpy(z).float(), labels


def test_clustering_scores_on_codes_with_known_clusters():
    draws = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 40)
    centres = 10 * np.eye(10)[:, :6] + draws.normal(size=(10, 6))
    apart = centres[labels] + 0.01 * draws.normal(size=(400, 6))
    numbers = MEASURES["clusters"](Fixed(apart, labels)).numbers
    assert numbers == {"knn10_accuracy": 1.0, "nmi": pytest.approx(1.0)}
    mixed = MEASURES["clusters"](Fixed(draws.normal(size=(400, 6)), labels)).numbers
    assert mixed["knn10_accuracy"] < 0.2
    assert mixed["nmi"] < 0.15


def test_nmi_is_mutual_information_over_mean_entropy(model):
    """The formula itself, on the clusters that scikit-learn's k-means finds with this seed."""
    from sklearn.cluster import KMeans
    clusters = KMeans(4, n_init=10, random_state=model.random_state).fit_predict(model.codes)
    entropies = [mutual_info_score(x, x) for x in (clusters, model.labels)]
    expected = mutual_info_score(clusters, model.labels) / np.mean(entropies)
    assert MEASURES["clusters"](model).numbers["nmi"] == pytest.approx(expected)


def test_reconstruction_error_is_the_squared_error_per_image(model):
    errors = []
    for x in model.test.x:
        image = x[None].float() / 255
        errors.append(float((model.decoder(model.encoder(image)) - image).square().sum()))
    found = MEASURES["reconstruction"](model).numbers["test_reconstruction"]
    assert found == pytest.approx(np.mean(errors), rel=1e-5)


def test_latent_swd_measure_equals_the_curves_statistic_on_test_codes(model):
    curve = LatentSWD(model.run, model.test.x, "cpu")
    expected = curve(lambda x: model.encoder(to_float(x)))
    assert MEASURES["latent_swd"](model).numbers == {
        "test_swd2_root": expected["swd2_root"], "test_floor_root": expected["floor_root"]}


def test_tsne_places_every_point_and_keeps_classes_together():
    draws = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 30)
    z = 20 * np.eye(4)[labels] + draws.normal(size=(120, 4))
    (name,) = files = MEASURES["tsne"](Fixed(z, labels)).files
    assert files == MEASURES["tsne"](Fixed(z, labels)).files
    assert name == "points.csv"
    table = np.genfromtxt(io.BytesIO(files[name]), delimiter=",", names=True)
    np.testing.assert_array_equal(table["label"], labels)
    places = np.stack([table["x"], table["y"]], 1)
    centres = np.stack([places[labels == k].mean(0) for k in range(4)])
    nearest = ((places[:, None] - centres) ** 2).sum(2).argmin(1)
    np.testing.assert_array_equal(nearest, labels)


def cells(data, rows, columns):
    """The pictures of a grid, (rows, columns, 28, 28), as 8-bit numbers."""
    grid = (imread(io.BytesIO(data))[..., 0] * 255).round().astype(int)
    step = 28 + GAP
    return np.stack([[grid[GAP + r * step:GAP + r * step + 28, GAP + c * step:GAP + c * step + 28]
                      for c in range(columns)] for r in range(rows)])


def pixels(images):
    return (images * 255).round().int().numpy()[:, 0]


def test_image_grids_show_inputs_reconstructions_samples_and_interpolations(trained):
    seen = {}
    for name, (model, _) in trained.items():
        with torch.no_grad():
            few = TrainedModel.__new__(TrainedModel)
            few.__dict__ |= {**model.__dict__, "test": type(model.test)(
                model.test.x[:10], model.test.labels[:10])}
            few.__dict__.pop("codes", None)
            files = MEASURES["pictures"](few).files
            made = model.decode(few.codes)
            pairs = cells(files["reconstructions.png"], 2, 10)
            np.testing.assert_array_equal(pairs[0], few.test.x[:, 0])
            np.testing.assert_array_equal(pairs[1], pixels(made))
            ways = cells(files["interpolations.png"], 3, 10)
            for row in range(3):
                for column, k in ((0, 2 * row), (9, 2 * row + 1)):
                    assert abs(ways[row, column] - pixels(made)[k]).max() <= 1
            seen[name] = cells(files["samples.png"], 3, 10)
            law = PRIORS[model.run.prior](6)
            from benchmarks.harness.data.seeding import generator as stream_of
            draws = law.sample(30, stream_of(0, "samples"))  # of the seed, so equal for all methods
            np.testing.assert_array_equal(seen[name].reshape(30, 28, 28),
                                          pixels(model.decode(draws)))
    assert not np.array_equal(seen["moca"], seen["svae"])


def test_tiles_are_rounded_to_8_bits_and_clamped():
    values = torch.linspace(-0.5, 1.5, 2 * 28 * 28).view(2, 1, 28, 28)
    (shown,) = cells(png(values, 2), 1, 2)
    np.testing.assert_array_equal(shown, pixels(values.clamp(0, 1)))


def test_interpolation_on_the_sphere_is_the_papers_normalised_line():
    """z_alpha / ||z_alpha||: the angle from a has tangent t sin w / (1 - t + t cos w)."""
    law, t = Sphere(6), torch.linspace(0, 1, 11, dtype=torch.float64)[:, None]
    a, b = law.sample(2, generator(0)).double()
    a, b = a / a.norm(), b / b.norm()
    way = law.between(a, b, t)
    assert way.norm(dim=1) == pytest.approx(1)
    assert way[0].tolist() == pytest.approx(a.tolist())
    assert way[-1].tolist() == pytest.approx(b.tolist())
    whole, part = torch.arccos(a @ b), t[1:-1, 0]
    expected = torch.atan2(part * whole.sin(), 1 - part + part * whole.cos())
    assert torch.arccos(way[1:-1] @ a).tolist() == pytest.approx(expected.tolist())
    torch.testing.assert_close(law.between(a, a, t), a.expand(11, 6))
    assert law.between(a, -a, t).isfinite().all()


def test_interpolation_of_gaussian_codes_is_straight():
    law, t = Gaussian(3), torch.tensor([[0.0], [0.25], [1.0]])
    way = law.between(torch.zeros(3), torch.ones(3) * 4, t)
    assert way.tolist() == [[0] * 3, [1] * 3, [4] * 3]


def test_evaluation_in_chunks_equals_one_call():
    x = torch.arange(2.0 * POINTS_AT_ONCE + 7)[:, None]
    sizes = []
    assert torch.equal(in_chunks(lambda part: sizes.append(len(part)) or part + 1, x), x + 1)
    assert sizes == [POINTS_AT_ONCE, POINTS_AT_ONCE, 7]


@pytest.mark.parametrize(("shape", "on_gpu"), [
    ((1, 28, 28), 1000), ((3, 32, 32), 1000), ((3, 64, 64), 250), ((3, 256, 256), 15),
    ((3, 4096, 4096), 1), ((100,), 1000)])
def test_a_gpu_is_given_fewer_points_at_once_where_they_are_large(shape, on_gpu):
    assert points_at_once(shape, "cpu") == POINTS_AT_ONCE == 1000
    assert points_at_once(shape, "cuda:0") == on_gpu


def test_networks_are_given_as_many_points_as_the_model_says(trained):
    whole, seen = trained["moca"][0], []

    def told(network):
        return lambda x: seen.append(len(x)) or network(x)

    model = TrainedModel(whole.run, Model(told(whole.encoder), whole.decoder), whole.test,
                         whole.root, "cpu")
    model.at_once = 25
    with torch.no_grad():
        torch.testing.assert_close(model.codes, whole.codes)
        assert seen == [25, 25, 10]
        assert len(model.training_codes(N)) == N
        assert seen == [25, 25, 10] * 2
        decoder = whole.decoder.register_forward_pre_hook(lambda _, z: seen.append(len(z[0])))
        torch.testing.assert_close(model.samples, whole.samples)
        decoder.remove()
    assert seen[6:9] == [25, 25, 10]


MEASURE = Measure("tsne", 200)


def test_stored_measure_is_found_and_a_corrupt_one_counts_as_missing(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.measurement(MEASURE) is None
    folder.save_measurement(MEASURE, {"nmi": 0.5}, {"a.csv": b"x,y"}, {"commit": None})
    assert folder.measurement(MEASURE)["numbers"] == {"nmi": 0.5}
    assert folder.measurement_files(MEASURE) == {"a.csv": b"x,y"}
    assert folder.measurement(replace(MEASURE, n_eval=201)) is None
    path = tmp_path / "measures" / "tsne@200.a.csv"
    table = tmp_path / "measures" / "tsne@200.json"
    whole = table.read_text()
    for damage in (lambda: path.write_bytes(b"x,z"), path.unlink, lambda: table.write_text("{"),
                   lambda: table.write_text("[]")):
        folder.save_measurement(MEASURE, {"nmi": 0.5}, {"a.csv": b"x,y"}, {"commit": None})
        assert table.read_text() == whole
        damage()
        assert folder.measurement(MEASURE) is None
        assert folder.measurement_files(MEASURE) == {}


def measure(stop, what):
    with stop.at_once():
        what()


def test_signal_interrupts_a_measure_at_once_and_a_training_at_a_step():
    def signalled():
        os.kill(os.getpid(), signal.SIGTERM)
        Event().wait(20)
        pytest.fail("the signal did not end the measure")

    with stop_on_signals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.is_set()
    with stop_on_signals() as stop, pytest.raises(InterruptedRun):
        measure(stop, signalled)
    asked = StopRequest()
    asked.on_signal(signal.SIGTERM, None)
    with pytest.raises(InterruptedRun):
        measure(asked, lambda: pytest.fail("a measure began after the request to stop"))


FIG7 = ("fig7", "--scale", "smoke", "--seeds", "1", "--cluster", "debug")


def test_lost_measures_are_repeated_without_training(place):
    assert place.bench(*FIG7).returncode == 0
    folder = place.cache / "smoke" / "custom" / "fig7-tsne"
    before = {path: path.read_bytes() for path in folder.rglob("*")
              if path.is_file() and path.name != "provenance.json"}
    assert len(before) == 6 + 3 * 4
    runs = sorted((place.cache / "runs").iterdir())
    for run in runs[:2]:
        for path in (run / "measures").glob("clusters@*"):
            path.unlink()
    assert "1 done, 2 unmeasured" in place.bench("status", *FIG7[:5]).stdout
    planned = place.bench("plan", *FIG7[:5]).stdout
    assert "to train: 0" in planned
    assert "to be measured: 2" in planned
    done = place.bench(*FIG7)
    assert done.returncode == 0
    assert {path: path.read_bytes() for path in before} == before
    assert all((run / "log.txt").read_text().count("from step") == 1 for run in runs)
    listed = json.loads((folder / "provenance.json").read_text())["runs"].values()
    assert all(run["measure_seconds"] > 0 for run in listed)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"rubbish"),
                                    lambda path: path.unlink()])
def test_run_with_lost_weights_is_trained_again_for_its_measures(damage, place):
    assert place.bench(*FIG7).returncode == 0
    folder = place.cache / "smoke" / "custom" / "fig7-tsne"
    before = (folder / "runs.csv").read_bytes()
    run = sorted((place.cache / "runs").iterdir())[0]
    damage(run / "model.safetensors")
    assert "training" not in place.bench(*FIG7).stdout  # no measure needs the weights
    (run / "measures" / "clusters@200.json").unlink()
    assert place.bench(*FIG7).returncode == 0
    assert "missing or damaged: training again" in (run / "log.txt").read_text()
    assert (folder / "runs.csv").read_bytes() == before


def test_failing_measure_fails_only_its_own_run(place):
    """A method may leave weights that no measure can use; the other runs are still measured."""
    (place.folder / "hollow.py").write_text(HOLLOW)
    done = place.bench(*FIG7, "--with", "hollow.py")
    assert done.returncode == 1
    assert "3 done, 1 failed" in done.stdout
    assert "Input X contains NaN" in done.stdout or "Input contains NaN" in done.stdout


HOLLOW = """
import torch
from methods.base import Regularizer

class Hollow(Regularizer):
    def __init__(self, context):
        super().__init__()
        self.encoder = [context.encoder]

    def penalty(self, step):
        return step.z.square().mean()

    def after_step(self, step):
        if step.progress > 0.8:  # the last step: too late for any loss to show it
            with torch.no_grad():
                # finite, as weights that are not would be divergence; the codes are NaN
                list(self.encoder[0].parameters())[-2].fill_(3e38)
"""
