"""Curves and snapshots of a training run: epochs, artefacts, and when a run is trained again."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import ARTEFACTS
from benchmarks.harness.launch.launchers import train_inline
from benchmarks.harness.launch.options import Options
from benchmarks.harness.results.rows import asked_of
from benchmarks.harness.spec.artefact import Arm, Curve, Measure
from benchmarks.harness.spec.claims import SCALES
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.selection import PlannedRun, asked_curves, select
from benchmarks.harness.spec.user_data import UserData
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import Task

RUN = resolve(Run("procedural", 32, "a1", "mmd", (), "1", dim=4, epochs=5, batch=16,
                  width=1 / 64, image_size=32, snapshots=(2,)), "mmd", {})
ERROR, LATENT = Curve("reconstruction", n_eval=20, every=2), Curve("latent_swd")
DISTANCE = Curve("image_swd", n_eval=8, every=3)


class Silent:
    def started(self, folder): ...

    def moved(self, folder, fraction): ...

    def finished(self, folder, state):
        self.state = state


@pytest.fixture
def update(tmp_path):
    """Brings a task for RUN up to date; returns its folder, the outcome and its log."""
    def done(*curves, recorded=(), measures=(), run=RUN):
        folder = Store(tmp_path / "runs").folder(run.key)
        folder.write_spec(run, None)
        task = Task(folder, curves, measures, (*curves, *recorded))
        watch = Silent()
        train_inline([task], Options(tmp_path / "data", "cpu"), watch)
        assert watch.state == "done", (folder.path / "log.txt").read_text()
        return task, folder.result(), (folder.path / "log.txt").read_text()
    return done


def losses(result):
    return [{k: v for k, v in row.items() if k.startswith("train_")} for row in result["rows"]]


def test_curves_are_recorded_at_their_epochs_and_leave_training_unchanged(update, tmp_path):
    _, result, _ = update(ERROR, LATENT, DISTANCE)
    rows = result["rows"]
    due = {name: [row["epoch"] for row in rows if name in row] for name in
           ("test_reconstruction", "swd2_root", "swd_image_std")}
    assert due == {"test_reconstruction": [0, 2, 4, 5], "swd2_root": [0, 1, 2, 3, 4, 5],
                   "swd_image_std": [0, 3, 5]}
    model = result["model"]
    _, plain, _ = update(run=replace(RUN, snapshots=None))
    assert plain["model"] == model
    assert losses(plain) == losses(result)


def test_curve_ends_at_the_measure_of_the_final_model(update):
    measures = (Measure("reconstruction", 20), Measure("image_swd", 8))
    task, result, _ = update(ERROR, DISTANCE, measures=measures)
    for measure in measures:
        found = task.folder.measurement(measure)
        for name, value in found["numbers"].items():
            assert result["rows"][-1][name] == value


def test_artefact_rows_hold_only_the_curves_it_declares(update):
    _, result, _ = update(DISTANCE, recorded=(ERROR, LATENT))
    assert set(result["curves"]) == {DISTANCE.id, ERROR.id, LATENT.id}
    rows = asked_of(result, PlannedRun(Arm("mmd", RUN), RUN, curves=(DISTANCE,)))
    assert [row["epoch"] for row in rows if "swd_image_std" in row] == [0, 3, 5]
    assert not any("swd2_root" in row or "test_reconstruction" in row for row in rows)
    rarer = replace(ERROR, every=4)  # the same columns at fewer epochs
    result["curves"][rarer.id] = result["curves"][ERROR.id]
    rows = asked_of(result, PlannedRun(Arm("mmd", RUN), RUN, curves=(rarer,)))
    assert [row["epoch"] for row in rows if "test_reconstruction" in row] == [0, 4, 5]


def test_outcome_lacking_a_curve_is_kept_until_the_run_is_trained_again(update):
    task, before, _ = update(ERROR, measures=(Measure("reconstruction", 20),))
    wanting = replace(task, curves=(ERROR, LATENT), recorded=(ERROR, LATENT))
    assert task.state() == "done"
    assert wanting.state() == "lacks-curve"
    assert task.folder.result() == before
    _, after, log = update(ERROR, LATENT)
    assert log.count("from step 0") == 2
    assert wanting.state() == "done"
    assert losses(after) == losses(before)
    assert after["model"] == before["model"]
    assert task.state() == "done"  # measures of the same weights are kept
    update(ERROR)
    assert task.folder.result() == after  # fewer curves are no reason to train


def test_measures_of_replaced_weights_are_deleted(update):
    task, _, _ = update(measures=(Measure("reconstruction", 20),))
    result = task.folder.result()
    task.folder.finish(result, {"commit": "none"}, b"other weights")
    assert task.state() == "unmeasured"


def test_snapshot_is_the_model_after_its_epoch(update, tmp_path):
    final, early = Measure("reconstruction", 20), Measure("reconstruction", 20, epoch=2)
    task, result, log = update(ERROR, measures=(final, early))
    assert list(result["snapshots"]) == ["2"]
    numbers = task.folder.measurement(early)["numbers"]
    (row,) = [row for row in result["rows"] if row["epoch"] == 2]
    assert numbers["test_reconstruction"] == row["test_reconstruction"]
    place = task.folder.weights_file(2)
    place.write_bytes(place.read_bytes()[:-1])
    update(ERROR, measures=(final, early))
    assert "training again" not in log  # everything is measured: the weights are not needed
    (task.folder.path / "measures" / f"{early.id}.json").unlink()
    _, again, log = update(ERROR, measures=(final, early))
    assert "weights are missing or damaged: training again" in log
    assert again == result
    assert task.folder.measurement(early)["numbers"] == numbers


def test_checkpoint_lacking_a_curve_is_not_resumed(update, tmp_path):
    """Its early epochs would be missing from the curve."""
    from benchmarks.harness.launch import train_and_measure
    from benchmarks.harness.store import checkpoints, lease
    folder = Store(tmp_path / "runs").folder(RUN.key)
    folder.write_spec(RUN, None)
    held = lease.acquire(folder.path)
    saved = []

    def stop():
        return bool(saved) or saved.append(1) or False

    task = Task(folder, (ERROR,), (), (ERROR,))
    with (open(folder.path / "log.txt", "a", encoding="utf-8") as log,
          pytest.raises(BaseException, match="stopped")):
        train_and_measure.train_run(task, held, Options(tmp_path / "data", "cpu"), stop,
                                    lambda f: None, log)
    held.release()
    assert checkpoints.newest(folder.path)[0]
    _, result, log = update(ERROR, LATENT)
    assert "lacks a curve" in log
    assert all("swd2_root" in row for row in result["rows"])


@pytest.mark.parametrize("epochs", [(0,), (6,), (2, 9)])
def test_snapshot_outside_the_trained_epochs_is_refused(epochs):
    with pytest.raises(ValueError, match="snapshots are of epochs 1 to 5"):
        replace(RUN, snapshots=epochs)


@pytest.mark.parametrize("scale", SCALES)
def test_run_records_the_curves_of_all_artefacts(scale):
    asked = asked_curves(ARTEFACTS.values(), scale)
    for artefact in ARTEFACTS.values():
        selection = select(artefact, scale, 2, None, [], asked=asked)
        for entry in selection.entries():
            run = replace(entry.run, seed=0)
            assert set(entry.curves) <= set(entry.recorded) == set(asked.get(run, ()))
            names = {(curve.name, curve.n_eval) for curve in entry.recorded}
            assert len(names) == len({name for name, _ in names})  # otherwise columns would clash


def test_plan_counts_runs_to_train_again_for_a_curve(place):
    few = ("fig1", "--scale", "smoke", "--methods", "mmd", "--seeds", "1", "--cluster", "debug")
    assert place.bench(*few).returncode == 0
    table = place.tables(place.cache / "smoke" / "custom" / "fig1-synthetic")
    for path in (place.cache / "runs").glob("*/result.json"):
        path.write_text(path.read_text().replace('"latent_swd/1"', '"another/1"'))
    planned = place.bench("plan", *few).stdout
    assert "3 lacks-curve" in planned
    assert "to train: 3," in planned
    assert "trained already, but without a curve that is wanted now: 3" in planned
    assert place.bench(*few).returncode == 0
    assert place.tables(place.cache / "smoke" / "custom" / "fig1-synthetic") == table


def test_run_on_user_images_records_the_curves_of_all_artefacts():
    data = UserData("flowers", Path(), "ab", n_train=500, n_test=40, has_classes=False)
    asked = asked_curves(ARTEFACTS.values(), "mini", data)
    for name in ("fig2-convergence", "fig3-isotropy"):
        selection = select(ARTEFACTS[name], "mini", None, None, [], data, asked)
        recorded = {entry.arm.name: entry.recorded for entry in selection.entries()}
        assert recorded["moca[lam=1000]"] == (Curve("image_swd", 40, 5),)
