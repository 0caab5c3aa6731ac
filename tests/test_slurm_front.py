"""Cost of a sweep of a thousand runs on the submitting machine."""

from dataclasses import replace
import json
import os
import shutil
import subprocess
import sys

from busy import HANG, metered
from conftest import ROOT
import pytest

from benchmarks.harness.store import lease
from benchmarks.harness.store.run_folder import RunFolder

SEEDS = 38
MANY = ("fig1-synthetic", "--scale", "smoke", "--seeds", str(SEEDS))
RUNS = 31 * SEEDS
COUNTED = """#!/bin/sh
echo attempt >> "$(dirname "$0")/attempts"
exec /usr/bin/sbatch "$@"
"""


@pytest.fixture
def closed(cluster):
    """The cluster accepts jobs and starts none."""
    with cluster.closed():
        yield cluster
        cluster.say("scancel", "--user=root")
    cluster.await_empty()


def test_slurm_submission_of_a_thousand_runs_is_quick_and_small(closed, site, monkeypatch):
    counted = site.folder / "bin"
    counted.mkdir()
    (counted / "sbatch").write_text(COUNTED)
    (counted / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{counted}:{os.environ['PATH']}")
    first = metered(site.command(*MANY, "--cluster", "slurm"), site.folder, status=1)
    assert f"{RUNS} queued" in first.said
    assert len((counted / "attempts").read_text().split()) == -(-RUNS // 16)
    assert first.work < 80
    assert first.kibibytes < 300 * 1024
    again = metered(site.command(*MANY, "--cluster", "slurm"), site.folder, status=1)
    assert "submitted" not in again.said
    assert again.work < 30


def files_looked_at(place, status):
    """How often the same command looks at each name below the runs' folder."""
    output = place.folder / "calls"
    command = place.command(*MANY, "--cluster", "slurm")[2:]
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "counting.py", output, place.cache / "runs", *command],
        check=False, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=HANG)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(output.read_text())


def test_slurm_command_with_nothing_to_do_looks_at_each_run_a_few_times(
        place, tmp_path, monkeypatch):
    """Half of the runs have a checkpoint and the claim of a job; squeue prints what SLURM does."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in (("sbatch", 'echo "Submitted batch job 7"'),
                         ("squeue", 'echo call >> "$0.calls"; cat "$0.rows"'),
                         ("scontrol", 'echo "MaxArraySize = 5000"'), ("srun", "")):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    (programs / "squeue.rows").write_text("".join(
        f"7_{k}|RUNNING|None|root|N/A|name|script|\n" for k in range(RUNS)))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    assert place.bench(*MANY, "--cluster", "slurm").returncode == 1
    owner = json.dumps(lease.this_process()._replace(host="node7", job="7_0.0")._asdict())
    for path in list((place.cache / "runs").iterdir())[::2]:
        (path / "checkpoint.pt").write_bytes(b"large")
        (path / "claim.0").write_text(owner)
    (programs / "squeue.calls").unlink()
    calls = files_looked_at(place, status=1)
    assert RUNS <= sum(calls.values()) <= 10 * RUNS
    assert "checkpoint.pt" not in calls
    assert (programs / "squeue.calls").read_text().split() == ["call"]


def test_slurm_collection_of_a_thousand_runs_is_quick(closed, site):
    """Synthetic runs: the outcomes of one seed, copied to the other seeds' folders."""
    few = site.bench(*MANY[:-1], "1", "--cluster", "debug")
    assert few.returncode == 0, few.stdout + few.stderr
    for path in list((site.cache / "runs").iterdir()):
        for seed in range(1, SEEDS):
            run = replace(RunFolder(path).run(), seed=seed)
            RunFolder(shutil.copytree(path, path.with_name(run.key))).write_spec(run, None)
    work = []
    for _ in range(3):  # the minimum counts: other load only adds time
        spent = metered(site.command(*MANY, "--cluster", "slurm"), site.folder)
        assert f"{RUNS} done" in spent.said
        assert (site.smoke / "figure.png").exists()
        if not work:
            assert sum(files_looked_at(site, status=0).values()) <= 10 * RUNS
        work.append(spent.work)
        shutil.rmtree(site.smoke)
    assert min(work) < 110
