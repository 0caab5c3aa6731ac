"""What a sweep of a thousand runs costs the machine that it is submitted from."""

from dataclasses import replace
import os
import shutil
import subprocess
import time

from conftest import send
import pytest

from benchmarks.harness.store import RunFolder

SEEDS = 44
MANY = ("fig1-synthetic", "--scale", "smoke", "--seeds", str(SEEDS))
RUNS = 23 * SEEDS
COUNTED = """#!/bin/sh
before=$(date +%s%N)
/usr/bin/sbatch "$@"
status=$?
echo $(( $(date +%s%N) - before )) >> "$(dirname "$0")/nanoseconds"
exit $status
"""


@pytest.fixture
def closed(cluster):
    """The cluster takes jobs and starts none."""
    cluster.say("scontrol", "update", "PartitionName=main", "State=DOWN")
    yield cluster
    cluster.say("scancel", "--user=root")
    cluster.say("scontrol", "update", "PartitionName=main", "State=UP")
    cluster.await_empty()


def test_slurm_submission_of_a_thousand_runs_is_quick_and_small(closed, site, monkeypatch):
    counted = site.folder / "bin"
    counted.mkdir()
    (counted / "sbatch").write_text(COUNTED)
    (counted / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{counted}:{os.environ['PATH']}")
    began = time.monotonic()
    with open(site.folder / "said", "w+") as said:
        command = subprocess.Popen(site.command(*MANY, "--cluster", "slurm"), stdout=said,
                                   stderr=subprocess.STDOUT, cwd=site.folder)
        _, _, usage = os.wait4(command.pid, 0)
    seconds = time.monotonic() - began
    by_sbatch = [int(line) / 1e9 for line in (counted / "nanoseconds").read_text().split()]
    assert f"{RUNS} queued" in (site.folder / "said").read_text()
    assert len(by_sbatch) == -(-RUNS // 16)
    assert seconds - sum(by_sbatch) < 15
    assert usage.ru_maxrss < 300 * 1024  # KiB
    again = time.monotonic()
    assert "submitted" not in send(site, *MANY)
    assert time.monotonic() - again < 5


def test_slurm_collection_of_a_thousand_runs_is_quick(closed, site):
    """Synthetic ones: the outcomes of one seed, copied to the others' folders."""
    few = site.bench(*MANY[:-1], "1", "--cluster", "debug")
    assert few.returncode == 0, few.stdout + few.stderr
    for path in list((site.cache / "runs").iterdir()):
        for seed in range(1, SEEDS):
            run = replace(RunFolder(path).run(), seed=seed)
            RunFolder(shutil.copytree(path, path.with_name(run.key))).declare(run, None)
    began = time.monotonic()
    done = site.bench(*MANY, "--cluster", "slurm")
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{RUNS} done" in done.stdout
    assert (site.smoke / "figure.png").exists()
    assert seconds < 5
