"""FID with pytorch-fid's network and random weights served on loopback; the name `fid`."""

from argparse import Namespace
import csv
from dataclasses import replace
import hashlib
import json

from mirror import Mirror
import pytest
import torch
from torchvision.transforms.functional import gaussian_blur, to_pil_image

from benchmarks import ARTEFACTS
from benchmarks.harness.command import preflight
from benchmarks.harness.command.main import main
from benchmarks.harness.data.datasets import labelled_images
from benchmarks.harness.errors import UsageError
from benchmarks.harness.measure import features
from benchmarks.harness.measure.feature_scores import (
    SCORE_NAMES,
    feature_scores,
    fit_gaussian,
    frechet_distance,
)
from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.spec.selection import select
from benchmarks.harness.store.run_folder import Store


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file in pytorch-fid's format with random weights, and its checksum."""
    from pytorch_fid.inception import (
        FIDInceptionA,
        FIDInceptionC,
        FIDInceptionE_1,
        FIDInceptionE_2,
        _inception_v3,
    )
    torch.manual_seed(0)
    network = _inception_v3(num_classes=1008, aux_logits=False, weights=None)
    for name, kind, size in (("5b", FIDInceptionA, (192, 32)), ("5c", FIDInceptionA, (256, 64)),
                             ("5d", FIDInceptionA, (288, 64)), ("6b", FIDInceptionC, (768, 128)),
                             ("6c", FIDInceptionC, (768, 160)), ("6d", FIDInceptionC, (768, 160)),
                             ("6e", FIDInceptionC, (768, 192)), ("7b", FIDInceptionE_1, (1280,)),
                             ("7c", FIDInceptionE_2, (2048,))):
        options = {"A": "pool_features", "C": "channels_7x7"}.get(kind.__name__[-1])
        layer = kind(size[0], **{options: size[1]}) if options else kind(size[0])
        setattr(network, f"Mixed_{name}", layer)
    for layer in network.modules():  # as after training: the initial network tells no images apart
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
        elif isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.normal_(layer.bias, 0, 0.1)
    path = tmp_path_factory.mktemp("weights") / preflight.INCEPTION_FILE
    torch.save(network.state_dict(), path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def expected(weights, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(preflight, "INCEPTION_SHA256", weights[1][:8])
    return weights[0]


def pictures(n, seed):
    return labelled_images(n, torch.Generator().manual_seed(seed), 3, 32).x


def test_fid_equals_pytorch_fid_on_the_same_png_files(expected, tmp_path, monkeypatch):
    from pytorch_fid.fid_score import calculate_fid_given_paths
    served = Mirror({preflight.INCEPTION_FILE: expected.read_bytes()})
    monkeypatch.setattr(preflight, "_inception_mirrors", lambda: [served.url])
    assert preflight.fetch_weights(tmp_path / "weights") is None
    served.close()
    sets = [pictures(48, 0), gaussian_blur(pictures(40, 1), [7, 7], [2, 2])]
    for k, images in enumerate(sets):
        (tmp_path / str(k)).mkdir()
        for i, image in enumerate(images):
            to_pil_image(image).save(tmp_path / str(k) / f"{i}.png")
    network = features.inception_network(tmp_path / "weights", "cpu")
    with torch.no_grad():
        found = [features.inception_features(network, x, "cpu") for x in sets]
    assert found[0].shape == (48, 2048)
    ours = frechet_distance(*map(fit_gaussian, found))
    with features._hub(tmp_path / "weights" / "hub"):
        theirs = calculate_fid_given_paths([str(tmp_path / "0"), str(tmp_path / "1")], 16, "cpu",
                                           2048, num_workers=0)
    assert found[0].std(0).mean() > 0.01 * found[0].std()  # the images are distinguished
    assert ours == pytest.approx(theirs, rel=1e-4, abs=0)
    draws = torch.Generator().manual_seed(0)
    scores = feature_scores("inception", real=found[0], made=found[1], draws=draws)
    assert scores["fid"] == ours
    assert {"kid", "precision_inception", "recall_inception"} <= set(scores)


def test_given_weights_file_is_used_and_a_wrong_one_refused(expected, tmp_path):
    assert not preflight.weights_are_here(tmp_path)
    preflight.take_weights(expected, tmp_path)
    assert preflight.weights_are_here(tmp_path)
    assert preflight.fetch_weights(tmp_path) is None  # the file is kept
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(expected.read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"--fid-weights: .*wrong\.pth is not pt_inception"):
        preflight.take_weights(wrong, tmp_path / "other")
    with pytest.raises(UsageError, match="there is no file"):
        preflight.take_weights(tmp_path / "nowhere.pth", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_missing_inception_weights_give_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "_inception_mirrors", lambda: ["http://127.0.0.1:9/"])
    reason = preflight.fetch_weights(tmp_path)
    assert "\n" not in reason
    assert "127.0.0.1:9" in reason


def test_mirror_weights_with_another_checksum_are_refused(expected, tmp_path, monkeypatch):
    served = Mirror({preflight.INCEPTION_FILE: b"something else"})
    monkeypatch.setattr(preflight, "_inception_mirrors", lambda: [served.url])
    assert "sha256" in preflight.fetch_weights(tmp_path)
    served.close()
    assert not (tmp_path / preflight.INCEPTION_FOLDER / preflight.INCEPTION_FILE).exists()


def test_only_the_inception_distance_is_called_fid():
    assert SCORE_NAMES["inception"] == ("fid", "kid")
    for extractor, names in SCORE_NAMES.items():
        assert extractor == "inception" or not {"fid", "kid"} & set(names)
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(40, 8, generator=draws)
    for column in feature_scores("cifar10", real=x, made=x + 1, draws=draws):
        assert "cifar10" in column


@pytest.fixture
def with_fid(monkeypatch):
    """Figure 3 reduced to one run, with FID requested at smoke scale too."""
    whole = ARTEFACTS["fig3-isotropy"]
    cut = replace(whole, arms=lambda scale: whole.arms(scale)[:1], seeds={"smoke": 1},
                  measures=lambda scale, seed: (Measure("isotropy", 8), Measure("inception", 8)))
    monkeypatch.setitem(ARTEFACTS, cut.name, cut)
    monkeypatch.setattr(preflight, "_inception_mirrors", lambda: ["http://127.0.0.1:9/"])


def test_fid_stays_empty_with_a_reason_without_weights(
    with_fid, expected, place, capfd, monkeypatch,
):
    words = ["fig3", "--scale", "smoke", "--cluster", "debug", *place.options]
    folder = place.cache / "smoke" / "fig3-isotropy"
    assert main(words) == 0
    (note,) = [line for line in capfd.readouterr().out.splitlines() if line.startswith("note")]
    assert f"fid stays empty: the Inception weights {preflight.INCEPTION_FILE} are not here" in note
    assert "127.0.0.1:9: " in note
    assert "fid" not in (folder / "runs.csv").read_text().splitlines()[0].split(",")
    assert "fid_mean" in (folder / "data.csv").read_text().splitlines()[0]
    reasons = json.loads((folder / "provenance.json").read_text())["not_measured"]
    assert "--fid-weights" in reasons["inception"]
    claims = (folder / "claims.csv").read_text()
    assert [line for line in claims.splitlines() if line.startswith("C10,") and "not run" in line]

    def asked_again(root):
        raise AssertionError("nothing is to be done, so the network must not be asked")
    monkeypatch.setattr(preflight, "fetch_weights", asked_again)
    assert main(words) == 0
    capfd.readouterr()
    assert main([*words, "--fid-weights", str(expected)]) == 0
    (log,) = (place.cache / "runs").glob("*/log.txt")
    assert log.read_text().count("from step") == 1  # measured, not trained again
    (row,) = [row for row in csv.DictReader((folder / "runs.csv").read_text().splitlines())
              if row["epoch"] == "2"]
    assert float(row["fid"]) > 0
    assert json.loads((folder / "provenance.json").read_text())["not_measured"] == {}
    measured = place.tables(folder)
    assert main(words) == 0  # the file is kept and need not be given again
    (place.cache / "weights" / preflight.INCEPTION_FOLDER / preflight.INCEPTION_FILE).unlink()
    assert main(words) == 0  # existing measures are kept
    assert place.tables(folder) == measured
    monkeypatch.setattr(preflight, "fetch_weights", lambda root: "no network")
    capfd.readouterr()
    assert main([*words, "--rerun"]) == 0  # without weights it would have fewer numbers
    output = capfd.readouterr().out
    assert "note: fid stays empty" in output
    assert "keeps its fuller results" in output
    assert place.tables(folder) == measured


def test_without_weights_only_measures_not_stored_are_dropped(with_fid, place):
    asked = (Measure("inception", 8), Measure("inception_gmm", 8), Measure("isotropy", 8))
    whole = replace(ARTEFACTS["fig3-isotropy"], measures=lambda scale, seed: asked)
    store, options = Store(place.cache / "runs"), Namespace(
        cache_dir=place.cache, fid_weights=None, rerun=False, to_train=False)
    selection = select(whole, "smoke", None, None, ())
    (entry,) = preflight.measurable(selection, store, options).entries()
    assert entry.measures == asked[2:]
    folder = store.folder(entry.run.key)
    folder.save_measurement(asked[0], {"fid": 1.0}, {}, {"commit": None})
    left = preflight.measurable(selection, store, options)
    (entry,) = left.entries()
    assert entry.measures == (asked[0], asked[2])
    assert set(left.without) == {"inception_gmm"}


def test_wrong_weights_file_prints_one_line(place):
    wrong = place.folder / "wrong.pth"
    wrong.write_bytes(b"something else")
    for path, reason in ((wrong, "is not pt_inception"), (place.folder / "no", "there is no file")):
        done = place.bench("fig3", "--scale", "mini", "--fid-weights", str(path))
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        (line,) = done.stderr.splitlines()
        assert reason in line
    assert not place.results.exists()
