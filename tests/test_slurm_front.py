"""Cost of a sweep of a thousand runs on the submitting machine."""

from dataclasses import replace
import os
import shutil

from busy import metered
import pytest

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
        work.append(spent.work)
        shutil.rmtree(site.smoke)
    assert min(work) < 110
