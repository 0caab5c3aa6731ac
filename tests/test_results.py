"""Committed results follow from their own runs.csv and name their provenance."""

import csv
import hashlib
import io
import json
import re
import subprocess

from conftest import ROOT
import numpy as np
import pytest

from benchmarks import ARTEFACTS, TUNINGS
from benchmarks.harness.command.tune import freeze
from benchmarks.harness.measure.features import CLASSIFIERS
from benchmarks.harness.results.rows import read_csv
from benchmarks.harness.results.write import judged
from benchmarks.harness.spec.run import CHOICES
from benchmarks.harness.spec.selection import select
from benchmarks.harness.train.build import autoencoder
from methods.priors import PRIORS

COMMITTED = sorted(p.parent for p in (ROOT / "results").rglob("runs.csv")
                   if "custom" not in p.parts)
FILES = {"runs.csv", "data.csv", "claims.csv", "figure.png", "figure.pdf", "figure.svg",
         "provenance.json"}


NOT_TO_BE_HAD = {("fig6-samples", "celeba")}  # shown as not run


@pytest.fixture(params=COMMITTED, ids=lambda p: str(p.relative_to(ROOT)))
def folder(request):
    return request.param


def text_of(frame):
    return frame.to_csv(index=False, lineterminator="\n")


def artefact_of(folder):
    return (ARTEFACTS | {grid.name: grid for grid in TUNINGS.values()})[folder.name]


def precision_of(folder):
    first = folder.relative_to(ROOT / "results").parts[0]
    return first if first in CHOICES["precision"] else None


def test_figure_1_results_are_committed():
    assert ROOT / "results" / "fig1-synthetic" in COMMITTED


def test_committed_table_follows_from_runs_csv(folder):
    rows = read_csv((folder / "runs.csv").read_text())
    assert text_of(artefact_of(folder).table(rows)) == (folder / "data.csv").read_text()


def test_committed_verdicts_follow_from_runs_csv(folder):
    rows = read_csv((folder / "runs.csv").read_text())
    claims = artefact_of(folder).claims(rows["scale"].iloc[0])
    assert judged(rows, claims, folder) == (folder / "claims.csv").read_text()


def test_committed_verdicts_say_why(folder):
    """A number behind what was decided, a reason for what was not."""
    for row in csv.DictReader((folder / "claims.csv").read_text().splitlines()):
        if row["role"] != "beside":
            decided = row["verdict"] in ("reproduced", "contradicted")
            assert row["estimate"] if decided and row["comparison"] else row["reason"], row


def test_committed_runs_cover_the_declared_runs(folder):
    provenance = json.loads((folder / "provenance.json").read_text())
    selection = select(artefact_of(folder), provenance["scale"], None, None, (),
                       precision=precision_of(folder))
    keys = {entry.run.key for entry in selection.entries()
            if (folder.name, entry.run.dataset) not in NOT_TO_BE_HAD}
    assert keys <= set(provenance["runs"])
    pairs = {(entry.arm.name, str(entry.run.seed)) for entry in selection.entries()
             if (folder.name, entry.run.dataset) not in NOT_TO_BE_HAD}
    rows = list(csv.DictReader(io.StringIO((folder / "runs.csv").read_text())))
    assert pairs <= {(row["arm"], row["seed"]) for row in rows if row["status"] == "done"}


@pytest.fixture(scope="module")
def known_edits(tmp_path_factory):
    """Allowed local edits in the second half of `tune table2`: choices frozen by the first."""
    name = "benchmarks/tuned/table2-a1.csv"
    frozen = tmp_path_factory.mktemp("frozen") / "table2-a1.csv"
    freeze(ROOT / "results" / "mini" / "tune-table2-a1", frozen)
    digest = hashlib.sha256(name.encode() + frozen.read_bytes()).hexdigest()[:16]
    return {"tune-table2-a2": [digest]}


def test_committed_provenance_is_complete(folder, known_edits):
    provenance = json.loads((folder / "provenance.json").read_text())
    needed = {"commit", "local_edits", "python", "packages", "platform", "processor", "device",
              "path", "attempts", "train_seconds", "peak_memory_mib", "arm", "seed"}
    for run in provenance["runs"].values():
        whole = provenance["shared"] | run
        assert needed <= set(whole)
        assert whole["commit"]
        assert whole["local_edits"] in (None, *known_edits.get(folder.name, ()))
        for measured in whole.get("measures", {}).values():
            assert measured.get("local_edits") is None
    assert set(provenance["ambiguities"]) == set(artefact_of(folder).ambiguities)


def test_committed_provenance_names_known_commits():
    """Each is in the history, or the changelog names it as rewritten before publication."""
    log = subprocess.run(["git", "-C", str(ROOT), "rev-list", "HEAD"],
                         capture_output=True, text=True, check=False)
    if log.returncode or (ROOT / ".git" / "shallow").exists():
        pytest.skip("no checkout with its history")
    named = {commit for path in (ROOT / "results").rglob("provenance.json")
             for commit in re.findall(r'"([0-9a-f]{40})"', path.read_text())}
    lost = {commit[:7] for commit in named - set(log.stdout.split())}
    said = re.search(r"rewritten since\s\(([^)]*)\)", (ROOT / "CHANGELOG.md").read_text())
    assert lost == set(re.findall(r"`(\w{7})`", said[1]) if said else ())


def test_committed_package_versions_equal_the_lock(folder):
    lock = dict(line.split("==") for line in (ROOT / ".ci/requirements.lock").read_text().split())
    packages = json.loads((folder / "provenance.json").read_text())["shared"]["packages"]
    assert packages == {name: lock[name] for name in packages}


def test_committed_folder_holds_exactly_the_expected_files(folder):
    assert {p.name for p in folder.iterdir()} - {"points", "tiles"} == FILES
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert b"<svg" in (folder / "figure.svg").read_bytes()[:500]


def test_committed_tables_hold_no_times_or_machine_names(folder):
    header = (folder / "runs.csv").read_text().splitlines()[0].split(",")
    for word in ("seconds", "time", "host", "path", "commit", "date", "device"):
        assert not [name for name in header if word in name]


def test_readme_shows_the_committed_verdicts():
    paper = [folder for folder in COMMITTED if folder.parent == ROOT / "results"]
    verdicts = {row["claim"]: row["verdict"] for folder in paper
                for row in csv.DictReader((folder / "claims.csv").read_text().splitlines())
                if row["role"] in ("verdict", "reading")}
    shown = re.findall(r"^\| (C[^|]+) \|.*\*\*(.+?)\*\* \|", (ROOT / "README.md").read_text(), re.M)
    assert dict(shown) == verdicts


def test_committed_points_and_tiles_belong_to_committed_runs(folder):
    rows = csv.DictReader((folder / "runs.csv").read_text().splitlines())
    runs = {f"{row['arm']}.seed{row['seed']}" for row in rows}
    for place in ("points", "tiles"):
        for path in (folder / place).glob("*"):
            assert path.name.rsplit(".", 2)[0] in runs


def test_committed_points_of_figure_7_have_the_test_sets_classes():
    for path in (ROOT / "results/fig7-tsne/points").iterdir():
        labels = [row["label"] for row in csv.DictReader(path.read_text().splitlines())]
        # class counts of MNIST's 10,000 test images
        assert [labels.count(str(k)) for k in range(10)] == [
            980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


SHAPES = {"mnist": (1, 28, 28), "synthetic-normal": (100,), "synthetic-uniform": (100,),
          "cifar10": (3, 32, 32), "celeba": (3, 64, 64)}


def test_committed_parameter_counts_equal_the_networks(folder):
    rows = list(csv.DictReader((folder / "runs.csv").read_text().splitlines()))
    arms = {arm.name: arm.run for arm in artefact_of(folder).arms(rows[0]["scale"])}
    counts = {row["arm"]: row["parameters"] for row in rows}
    for name, run in arms.items():
        networks = autoencoder(run, SHAPES[run.dataset], PRIORS[run.prior](run.dim))
        expected = sum(p.numel() for part in networks if part for p in part.parameters())
        if (folder.name, run.dataset) not in NOT_TO_BE_HAD:
            assert int(counts[name]) == expected


def runs_of(folder):
    return list(csv.DictReader((ROOT / "results" / folder / "runs.csv").read_text().splitlines()))


def test_committed_cifar_10_runs_beat_the_mean_image():
    """The mean image's error is the sum of the pixels' variances."""
    mean_image = 32 * 32 * sum(deviation**2 for deviation in CLASSIFIERS["cifar10"].deviation)
    last = [row for name in ("fig8-reconstruction", "table2") for row in runs_of(f"mini/{name}")
            if row["test_reconstruction"]]
    assert len(last) == 3 * 4 + 3 * 18  # seeds and arms
    assert all(float(row["test_reconstruction"]) < mean_image / 2 for row in last)


def test_committed_sphere_runs_at_lambda_0_are_one_run():
    found = {}
    for arm in ("moca[lam=0]", "mmd sphere[lam=0]"):
        found[arm] = [[row[name] for name in ("seed", "epoch", "train_reconstruction",
                                              "swd_image_std")]
                      for row in runs_of("mini/fig2-convergence") if row["arm"] == arm]
    assert found["moca[lam=0]"] == found["mmd sphere[lam=0]"]
    assert len(found["moca[lam=0]"]) == 3 * 7  # seeds and epochs


def test_committed_regularized_runs_match_the_prior_better_than_lambda_0():
    """Compares mean latent SWD of test codes; for A2, lambda = 0 was run on the sphere only."""
    rows = [row for row in runs_of("mini/table2") if row["test_swd2_root"]]
    last = {row["arm"]: row for row in rows}
    swd = {name: np.mean([float(row["test_swd2_root"]) for row in rows if row["arm"] == name])
           for name in last}
    worse = set()
    for name, row in last.items():
        without = f"lam=0 {row['prior']}[{row['architecture'].upper()}]"
        if without in swd and float(row["lam"]) and swd[name] >= swd[without]:
            worse.add(name)
    assert not worse
