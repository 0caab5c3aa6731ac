"""SIGKILL at random moments, two commands at once, dying workers: the tables never differ."""

from contextlib import suppress
import csv
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import time

from busy import HANG, await_that
from conftest import ROOT, Place
from contract import CASES
import pytest

from benchmarks.harness.results.write import PICTURES
from benchmarks.harness.store import checkpoints
from benchmarks.harness.store.run_folder import RunFolder
from methods import OBJECTIVES

FEW = ("fig1-synthetic", "--scale", "smoke", "--methods", "moca,gan", "--seeds", "1")
CHAINS, KILLS = 4, 3  # chains of timed kills: 12 kills in all, and 9 aimed ones below


def start(place: Place, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        place.command(*words), stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT,
        start_new_session=True, cwd=place.folder,
        # a command started with `&` in a shell ignores Ctrl-C, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def orphans(place: Place) -> list[int]:
    """Living processes that run in the place's folder, including children of dead processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is not ours
            if (path / "cwd").readlink() == place.folder:
                found.append(int(path.name))
    return found


@pytest.mark.parametrize("chain", range(CHAINS))
def test_sweep_killed_at_random_moments_gives_the_same_tables(chain, fig1_sweep, place):
    """The command alone is killed, so its workers must notice; then the same command goes on."""
    moment = random.Random(chain)
    for _ in range(KILLS):
        process = start(place, "fig1-synthetic", "--scale", "smoke", "--checkpoint-seconds", "0")
        for _ in range(moment.randrange(1, 14)):
            process.stdout.readline()
        time.sleep(moment.random() * 0.5)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    done = place.bench("fig1-synthetic", "--scale", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.tables() == fig1_sweep.tables()
    for picture in PICTURES:
        assert (place.smoke / picture).read_bytes() == (fig1_sweep.smoke / picture).read_bytes()
    await_that(lambda: not orphans(place))
    assert not list(place.cache.rglob("*.tmp"))
    assert not list(place.cache.rglob("claim.*"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("undisturbed"))
    assert place.bench(*FEW, "--cluster", "debug").returncode == 0
    return place.tables(place.cache / "smoke" / "custom" / "fig1-synthetic")


@pytest.mark.parametrize("chain", range(3))
def test_sweep_killed_at_file_operations_gives_the_same_tables(chain, undisturbed, place):
    moment = random.Random(100 + chain)
    killed = 0
    for _ in range(3):
        words = [sys.executable, str(ROOT / "tests" / "killer.py"), str(moment.randrange(1, 120)),
                 moment.choice(["before", "after"]), *FEW, "--cluster", "debug",
                 "--checkpoint-seconds", "0", *place.options]
        done = subprocess.run(words, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False,
                              capture_output=True, timeout=HANG)
        assert done.returncode in (-signal.SIGKILL, 0), done.stderr.decode()
        killed += done.returncode != 0
    assert killed
    assert place.bench(*FEW, "--cluster", "debug").returncode == 0
    assert place.tables(place.cache / "smoke" / "custom" / "fig1-synthetic") == undisturbed


def test_two_commands_at_once_train_each_run_once(fig1_sweep, place):
    rivals = [start(place, "fig1-synthetic", "--scale", "smoke") for _ in range(2)]
    outputs = [rival.communicate(timeout=HANG)[0] for rival in rivals]
    assert [rival.returncode for rival in rivals] == [0, 0], outputs
    assert place.tables() == fig1_sweep.tables()
    logs = list((place.cache / "runs").glob("*/log.txt"))
    assert len(logs) == 62
    for log in logs:
        assert log.read_text().count("from step 0") == 1


def test_ctrl_c_checkpoints_and_the_same_command_resumes(place, undisturbed):
    slow = ("fig1-synthetic", "--methods", "gan:hidden=512", "--seeds", "1")
    process = start(place, *slow)
    process.stdout.readline()
    logs = []

    def in_the_middle():
        logs[:] = (place.cache / "runs").glob("*/log.txt")
        return any("epoch 2" in log.read_text() for log in logs)
    await_that(in_the_middle)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate(timeout=HANG)[0]
    assert process.returncode == 1
    assert "goes on from here" in output
    assert "Traceback" not in output
    (log,) = logs
    folder = RunFolder(log.parent)
    assert folder.state() == "missing"
    assert checkpoints.newest(folder.path)[0] is not None
    assert not list(folder.path.glob("claim.*"))


SUICIDAL = """
import os, signal
from methods.base import Regularizer

HYPER = {}

class Suicidal(Regularizer):
    def __init__(self, context):
        super().__init__()

    def penalty(self, step):
        if step.progress > 0.5:
            os.kill(os.getpid(), signal.SIGKILL)
        return step.z.square().mean()
"""


def test_dead_worker_fails_only_its_own_run(place, undisturbed):
    (place.folder / "suicidal.py").write_text(SUICIDAL)
    done = place.bench(*FEW, "--with", "suicidal.py")
    assert done.returncode == 1
    reason = "its worker died 2 times, last with exit code -9"
    assert f"suicidal, seed 0: failed ({reason}" in done.stdout
    rows = (place.cache / "smoke/custom/fig1-synthetic/runs.csv").read_text().splitlines()
    assert sum(",failed," in row for row in rows) == 1
    whole = undisturbed["runs.csv"].decode().splitlines()
    assert [row for row in rows if ",failed," not in row] == whole


def test_corrupt_checkpoint_is_warned_of_and_training_resumes(undisturbed, place):
    words = [sys.executable, str(ROOT / "tests" / "killer.py"), "75", "after", *FEW, "--cluster",
             "debug", "--checkpoint-seconds", "0", *place.options]
    subprocess.run(words, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, timeout=HANG)
    found = list((place.cache / "runs").glob("*/checkpoint.previous.pt"))
    assert found
    newest = found[0].with_name("checkpoint.pt")
    newest.write_bytes(newest.read_bytes()[:-7])
    done = place.bench(*FEW, "--cluster", "debug")
    assert done.returncode == 0
    assert f"{newest} is corrupt; falling back to the one before" in done.stdout
    assert "from step 0" not in (newest.parent / "log.txt").read_text().splitlines()[-1]
    assert place.tables(place.cache / "smoke" / "custom" / "fig1-synthetic") == undisturbed


FIG7 = ("fig7-tsne", "--scale", "smoke", "--seeds", "1", "--cluster", "debug")


def test_sweep_killed_while_measuring_and_publishing_gives_the_same_files(fig7_sweep, place):
    """Models, measures, points and tiles: interrupted files are written again, with the same bytes.

    One seed of Figure 7 writes some forty files; the whole sweep is the oracle for what is drawn.
    """
    moment, killed = random.Random(7), 0
    for first, last in ((1, 12), (8, 25), (10, 40), (20, 60), (30, 70)):
        words = [sys.executable, str(ROOT / "tests" / "killer.py"),
                 str(moment.randrange(first, last)), moment.choice(["before", "after"]), *FIG7,
                 *place.options]
        done = subprocess.run(words, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False,
                              capture_output=True, timeout=HANG)
        assert done.returncode in (-signal.SIGKILL, 0), done.stderr.decode()
        killed += done.returncode != 0
    assert killed >= 3
    assert place.bench(*FIG7).returncode == 0
    folder = place.cache / "smoke" / "custom" / "fig7-tsne"
    for path in (*fig7_sweep.codes.glob("points/*"), *fig7_sweep.codes.glob("tiles/*")):
        assert (folder / path.relative_to(fig7_sweep.codes)).read_bytes() == path.read_bytes()
    whole, found = (list(csv.DictReader((path / "runs.csv").read_text().splitlines()))
                    for path in (fig7_sweep.codes, folder))
    assert found == [row for row in whole if row["seed"] == "0"]
    assert not list(place.cache.rglob("*.tmp"))


def test_convolutional_runs_killed_by_sigkill_resume_bit_for_bit(tmp_path):
    """A1 and A2 with every method; each of the runs is killed once, in the middle of an epoch."""
    for how in ("whole", "killed"):
        words = [sys.executable, str(ROOT / "tests" / "mortal_runs.py"), str(tmp_path / how), how]
        subprocess.run(words, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True,
                       timeout=HANG)
    keys = sorted(path.name for path in (tmp_path / "whole" / "runs").iterdir())
    assert len(keys) == 2 * (len(CASES) + len(OBJECTIVES))
    for key in keys:
        whole, killed = (RunFolder(tmp_path / how / "runs" / key) for how in ("whole", "killed"))
        assert "from step 2 of 6" in (killed.path / "log.txt").read_text()
        assert "from step 2" not in (whole.path / "log.txt").read_text()
        assert killed.result() == whole.result()  # every row, and the digest of the weights
        assert killed.result()["status"] == "done"
