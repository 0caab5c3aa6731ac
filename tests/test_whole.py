"""All artefacts together: missing data, the plan, all verdicts."""

import csv
import re

from conftest import ON_CIFAR10, Place
import pytest

from benchmarks import ARTEFACTS
from benchmarks.derived_claims import PARTS
from benchmarks.harness.analysis.derived_verdicts import conclusions, divergences
from benchmarks.harness.command import costs, main
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run


def test_suite_declares_all_24_artefacts():
    figures = [name for name in ARTEFACTS if name.startswith("fig")]
    tables = [name for name in ARTEFACTS if name.startswith("table")]
    assert sorted(int(name[3:].split("-")[0]) for name in figures) == list(range(1, 20))
    assert tables == [f"table{k}" for k in range(1, 6)]


def ask(capsys, place, *words):
    status = main.main([*words, *place.options, "--cluster", "debug"])
    return status, capsys.readouterr()


def test_missing_data_skips_only_the_runs_that_need_it(capsys, place, tmp_path):
    """At mini scale Figure 17 needs CelebA, Figure 12 CelebA-HQ, Figure 1 no data."""
    empty = tmp_path / "empty"
    empty.mkdir()
    words = ("--scale", "mini", "--data-dir", str(empty), "--methods", "moca", "--seeds", "1")
    status, said = ask(capsys, place, "fig1", "fig12", "fig17", *words)
    assert status == 1
    assert "fig17-celeba-reconstructions: not run, CelebA is missing" in said.out
    assert "fig12-celebahq-reconstructions: not run, CelebA-HQ is missing" in said.out
    assert "fig1-synthetic, mini scale" in said.out
    assert said.err == ""
    status, said = ask(capsys, place, "fig12", "fig17", *words)
    assert status == 2
    assert len(said.err.splitlines()) == 1


def test_plan_counts_operations_without_measured_runs(capsys, place):
    status, said = ask(capsys, place, "plan", "table4", "table5")
    assert status == 0
    assert "of which shared with an artefact above: 2" in said.out
    assert "as counted: none was measured" in said.out
    assert "data to be found and packed first: celeba-64-lanczos140" in said.out
    assert "all: 22 runs declared, 20 distinct ones to train" in said.out


def test_counted_operations_equal_those_of_the_layers():
    """Layers 100-128-128: 2 (100 + 128) 128 operations per point, three times that per step."""
    run = resolve(Run("synthetic-normal", 640, "mlp2", "mmd", (), "", dim=128, epochs=2, batch=64,
                      objective="latent"), "mmd", {})
    encoder = costs.counted(*costs.network(run)).encoder
    assert encoder == 2 * (100 + 128) * 128
    assert costs.training_operations(run) == 2 * 640 * 3 * encoder


def test_verify_prints_the_verdicts_of_all_artefacts(fig1_sweep, capsys):
    words = ["verify", "--scale", "smoke", *fig1_sweep.options]
    assert main.main([*words, "fig1"]) == 0
    said = capsys.readouterr().out
    assert "fig1-synthetic, smoke scale: complete" in said
    claims = list(csv.DictReader((fig1_sweep.smoke / "claims.csv").read_text().splitlines()))
    verdicts = [row for row in claims if row["role"] in ("verdict", "reading")]
    assert all(any(row["claim"] in line and row["verdict"] in line for line in said.splitlines())
               for row in verdicts)
    assert main.main(words) == 1
    said = capsys.readouterr().out
    (concluded,) = (line for line in said.splitlines() if "C33[faster]" in line)
    assert re.search(r"\(C1 [a-z ]+, C6 not run\)", concluded)
    assert "table1, smoke scale: no results" in said
    assert "speed, smoke scale: no results" in said
    assert "C31[time]" in said
    assert "not complete: fig2-convergence" in said


@pytest.mark.parametrize(("c1", "c6", "expected"), [
    ("reproduced", "reproduced", "reproduced"), ("reproduced", "contradicted", "contradicted"),
    ("inconclusive", "reproduced", "depends on the reading"),
    ("contradicted", "reproduced", "depends on the reading"),
    ("contradicted", "not run", "not run"), ("contradicted", "contradicted", "contradicted"),
    ("reproduced", "not run", "not run"), ("reproduced", "not testable here", "not testable here")])
def test_derived_claims_follow_from_other_claims(c1, c6, expected):
    readings = {"C1": {"C1[tau=0.05]": "reproduced", "C1[tau=1]": c1}, "C6": {"C6": c6},
                "C6[absolute]": {"C6[absolute]": "contradicted"}}
    faster, stable = conclusions(readings, PARTS)
    assert (faster.id, faster.verdict) == ("C33[faster]", expected)
    assert {*faster.parts} == {"C1", "C6"}
    assert (stable.verdict, stable.parts) == ("not run", {})


def test_diverged_run_under_several_arm_names_is_counted_once():
    rows = [{"method": method, "arm": arm, "seed": seed, "epoch": epoch, "status": status}
            for method, seed, status in (("moca", "0", "done"), ("moca", "1", "diverged"),
                                         ("mmd", "0", "done"), ("mmd", "1", "missing"))
            for epoch in "012" for arm in ("here", "there")]
    assert divergences(rows) == "1 of 2 runs of MoCA, 0 of 1 runs of the other methods"


def test_results_with_missing_runs_are_not_complete(fig1_sweep, capsys, tmp_path):
    place = Place(tmp_path)
    place.smoke.mkdir(parents=True)
    for path in fig1_sweep.smoke.glob("*.csv"):
        text = path.read_text()
        if path.name == "runs.csv":
            text = "".join(line for line in text.splitlines(keepends=True)
                           if not line.startswith("smoke,mmd,"))
        (place.smoke / path.name).write_text(text)
    assert main.main(["verify", "fig1", "--scale", "smoke", *place.options]) == 1
    assert "2 of 62 runs are missing" in capsys.readouterr().out


@pytest.fixture(scope="module")
def celeba_sweep(tmp_path_factory):
    """A smoke sweep of the artefacts trained on CelebA and CelebA-HQ."""
    from conftest import finished
    names = [name for name in ARTEFACTS
             if name not in ("fig1-synthetic", "fig7-tsne", *ON_CIFAR10)]
    place = finished(Place(tmp_path_factory.mktemp("celeba_sweep")), *names, "--cluster", "debug")
    place.names = names
    return place


def test_every_artefact_is_complete_at_smoke_scale(celeba_sweep, capsys):
    words = ["--scale", "smoke", *celeba_sweep.options]
    assert main.main(["verify", *celeba_sweep.names, *words]) == 0
    for name in celeba_sweep.names:
        folder = celeba_sweep.cache / "smoke" / name
        rows = list(csv.DictReader((folder / "data.csv").read_text().splitlines()))
        assert rows
        assert all(row["missing"] == "0" for row in rows), name
        assert (folder / "figure.png").stat().st_size > 5000


def test_snapshot_scores_are_in_the_rows_of_their_epochs(celeba_sweep):
    def scored(name):
        text = (celeba_sweep.cache / "smoke" / name / "runs.csv").read_text()
        return [row["epoch"] for row in csv.DictReader(text.splitlines()) if row["fd_cifar10"]]
    assert scored("fig11-celebahq-samples") == ["1"]
    assert scored("fig12-celebahq-reconstructions") == ["2"]
