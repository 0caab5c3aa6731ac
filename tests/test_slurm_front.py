"""What a sweep of a thousand runs costs the machine that it is submitted from."""

from dataclasses import replace
import json
import os
import shutil
import subprocess
import sys
import time

from conftest import send
import pytest

from benchmarks.harness.store.run_folder import RunFolder

SEEDS = 38
MANY = ("fig1-synthetic", "--scale", "smoke", "--seeds", str(SEEDS))
RUNS = 27 * SEEDS
COUNTED = """#!/bin/sh
before=$(date +%s%N)
/usr/bin/sbatch "$@"
status=$?
echo $(( $(date +%s%N) - before )) >> "$(dirname "$0")/nanoseconds"
exit $status
"""


# a process of its own to be the parent: a child begins with the largest size of who forked it
METER = """
import json, resource, subprocess, sys
subprocess.run(sys.argv[2:], stdout=open(sys.argv[1], "w"), stderr=subprocess.STDOUT)
spent = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"seconds": spent.ru_utime + spent.ru_stime, "kibibytes": spent.ru_maxrss}))
"""


def metered(place, *words):
    """What the command says, the processor time that it takes, and its largest size."""
    said = place.folder / "said"
    done = subprocess.run([sys.executable, "-c", METER, str(said), *place.command(*words)],
                          capture_output=True, text=True, check=True, cwd=place.folder)
    return said.read_text(), json.loads(done.stdout)


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
    said, spent = metered(site, *MANY, "--cluster", "slurm")
    seconds = time.monotonic() - began
    by_sbatch = [int(line) / 1e9 for line in (counted / "nanoseconds").read_text().split()]
    assert f"{RUNS} queued" in said
    assert len(by_sbatch) == -(-RUNS // 16)
    assert seconds - sum(by_sbatch) < 15
    assert spent["kibibytes"] < 300 * 1024
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
    seconds = []
    for _ in range(3):  # the least of them counts: what runs beside only adds
        said, spent = metered(site, *MANY, "--cluster", "slurm")
        assert f"{RUNS} done" in said
        assert (site.smoke / "figure.png").exists()
        seconds.append(spent["seconds"])
        shutil.rmtree(site.smoke)
    assert min(seconds) < 5
