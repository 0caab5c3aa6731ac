"""Runs trained and measured by an older commit: none of them is trained or measured again."""

import shutil

from conftest import ROOT
import pytest

from benchmarks import ARTEFACTS
from benchmarks.harness.command import main
from benchmarks.harness.spec.selection import select
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import tasks

OLD = ROOT / "tests" / "data" / "store-of-91c9e3c" / "runs"
RUNS = {  # artefact and arm of each, at smoke scale and seed 0
    "741a7f3d7812a330": ("fig1-synthetic", "mmd"),
    "63e010bb30063fc6": ("fig1-synthetic", "mmd full batch"),
    "34e969f076f2d381": ("fig1-synthetic", "mmd uniform data"),
    "d3c15ec9b888f7b2": ("fig7-tsne", "svae"),
    "2c6a2c8dfa1a6b34": ("table2", "cramer-wold[A1]")}
SWEPT = (("fig1", "mmd", 3), ("fig7", "svae", 1))  # every run of it is in the old store


@pytest.fixture
def old_place(place):
    """A place whose cache is the old store."""
    shutil.copytree(OLD, place.cache / "runs")
    for path in place.cache.rglob("pictures@10.*"):  # whose outcome was revised since
        path.rename(path.with_name(path.name.replace("@10", "@10,revision=2")))
    return place


def test_old_store_holds_exactly_the_listed_runs():
    assert {path.name for path in OLD.iterdir()} == set(RUNS)


@pytest.mark.parametrize("key", RUNS)
def test_run_in_the_old_store_is_done(key, old_place):
    """The declared run has the old key, and lacks no curve or measure."""
    name, arm = RUNS[key]
    entries = [entry for entry in select(ARTEFACTS[name], "smoke", 1, None, ()).entries()
               if entry.arm.name == arm]
    ((found, task),) = tasks(entries, Store(old_place.cache / "runs")).items()
    assert found == key
    assert task.folder.run() == entries[0].run
    assert task.is_trained()
    assert task.lacking() == []
    assert task.state() == "done"
    assert len(task.measures) == (0 if name == "fig1-synthetic" else 5)
    for measure in task.measures:
        content = task.folder.measurement(measure)
        assert set(content["files"]) == set(task.folder.measurement_files(measure))
        assert content["numbers"] or content["files"]


@pytest.mark.parametrize(("name", "method", "runs"), SWEPT)
def test_sweep_over_the_old_store_trains_nothing(name, method, runs, old_place):
    words = (name, "--scale", "smoke", "--methods", method, "--seeds", "1")
    planned = old_place.bench("plan", *words)
    assert f"{runs} runs ({runs} arms, 1 seeds): {runs} done" in planned.stdout, planned.stderr
    assert "to train: 0" in planned.stdout
    assert "to be measured" not in planned.stdout
    before = contents(old_place)
    done = old_place.bench(*words, "--cluster", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "training" not in done.stdout
    assert "measuring" not in done.stdout
    assert contents(old_place) == before
    folder = old_place.cache / "smoke" / "custom" / next(each for each in ARTEFACTS
                                                   if each.startswith(f"{name}-"))
    rows = (folder / "runs.csv").read_text().splitlines()
    assert sum(",done," in row for row in rows) >= runs
    assert not any(",missing," in row for row in rows)


def test_plan_counts_the_old_run_of_table_2_as_done(old_place):
    planned = old_place.bench("plan", "table2", "--scale", "smoke", "--methods", "cramer-wold",
                        "--seeds", "1").stdout
    assert "3 runs (3 arms, 1 seeds): 1 done, 2 missing" in planned
    assert "to train: 2" in planned


def contents(place):
    """Returns the bytes of every file in the store."""
    return {path: path.read_bytes() for path in (place.cache / "runs").rglob("*")
            if path.is_file()}


def test_run_without_the_weights_for_a_measure_is_trained_again_and_said_to_be(old_place, capsys):
    def said(*words):
        main.main([*words, "fig7", "--scale", "smoke", "--methods", "svae", "--seeds", "1",
                   "--cluster", "debug", *old_place.options])
        return capsys.readouterr().out.splitlines()

    folder = old_place.cache / "runs" / "d3c15ec9b888f7b2"
    measure = folder / "measures" / "latent_swd@200.json"
    measure.unlink()
    again = ("  of these trained already, but without the weights for a measure that is wanted "
             "now: 1")
    planned = said("plan")
    assert planned[0].endswith(": 1 lacks-weights")
    assert "  to train: 1, of which shared with an artefact above: 0" in planned
    assert again in planned
    assert not any("to be measured" in line for line in planned)
    assert said()[:2] == ["fig7-tsne: training 1 of 1 runs, smoke scale", again]
    assert "training again" in (folder / "log.txt").read_text()
    measure.unlink()
    planned = said("plan")
    assert "  trained, and to be measured: 1" in planned  # the weights are here now
    assert again not in planned
