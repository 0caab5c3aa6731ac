"""A cache made by an earlier commit still counts: its runs are recognised and not trained again."""

import shutil

from conftest import ROOT
import pytest

from benchmarks import ARTEFACTS
from benchmarks.harness.spec.selection import select
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import tasks

STORE = ROOT / "tests" / "data" / "store-of-91c9e3c" / "runs"
# artefact -> method whose arms were trained, seed 0 -> arms with an outcome
TRAINED = {
    "fig1-synthetic": ("mmd", {"mmd", "mmd full batch", "mmd uniform data"}),
    "fig7-tsne": ("svae", {"svae"}),
    "table2": ("cramer-wold", {"cramer-wold[A1]"}),
}


@pytest.fixture
def old(place):
    """A cache with the old store in it."""
    shutil.copytree(STORE, place.cache / "runs")
    return place


def states(place, name):
    """State by arm of the selected runs."""
    method, _ = TRAINED[name]
    chosen = select(ARTEFACTS[name], "smoke", 1, method, ())
    asked = tasks(chosen.entries(), Store(place.cache / "runs"))
    return {entry.arm.name: asked[entry.run.key].state() for entry in chosen.entries()}


@pytest.mark.parametrize("name", TRAINED)
def test_old_store_runs_are_done_and_measured(name, old):
    found = states(old, name)
    assert {arm for arm, state in found.items() if state == "done"} == TRAINED[name][1]


@pytest.mark.parametrize("name", TRAINED)
def test_old_store_with_a_lost_measure_is_noticed(name, old):
    """So that the test above can fail: without one of its files a run is no longer done."""
    for path in (old.cache / "runs").glob("*/measures/*.json"):
        path.unlink()
    for path in (old.cache / "runs").glob("*/result.json"):
        if not (path.parent / "measures").exists():
            path.unlink()
    assert "done" not in states(old, name).values()


def test_old_store_keys_are_those_of_declared_runs(old):
    declared = {arm.run.key for name in TRAINED for arm in ARTEFACTS[name].arms("smoke")}
    assert {path.name for path in STORE.iterdir()} <= declared
    for path in STORE.iterdir():
        assert Store(STORE).folder(path.name).run().key == path.name


@pytest.mark.parametrize("name", ["fig1-synthetic", "fig7-tsne"])
def test_old_store_sweep_trains_nothing(name, old):
    method, arms = TRAINED[name]
    before = {path: path.read_bytes() for path in (old.cache / "runs").rglob("result.json")}
    done = old.bench(name, "--methods", method, "--seeds", "1", "--scale", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "training" not in done.stdout
    assert "measuring" not in done.stdout
    assert f"{len(arms)} done" in done.stdout
    assert {path: path.read_bytes() for path in before} == before


def test_old_store_is_counted_by_the_plan(old):
    for name, (method, arms) in TRAINED.items():
        said = old.bench("plan", name, "--methods", method, "--seeds", "1", "--scale", "smoke")
        assert f"{len(arms)} done" in said.stdout, said.stdout + said.stderr
