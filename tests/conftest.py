"""The command as users call it, and one smoke sweep that many tests look at."""

import os
from pathlib import Path
import subprocess
import sys

from busy import HANG
from cluster import Cluster
from hypothesis import HealthCheck, settings
import pytest

# before torch is imported: two workers of two threads each would slow each other down
os.environ.setdefault("OMP_NUM_THREADS", "1")
# an example may take as long as it likes
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
ROOT = Path(__file__).parents[1]
TABLES = ("runs.csv", "data.csv", "claims.csv")


def pytest_xdist_auto_num_workers():
    """A process more than there are cores: SLURM's tests mostly wait."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items):
    """The files that take longest go first, so that none is left for the end alone."""
    longest = ("test_slurm.py", "test_kill.py", "test_real_data.py", "test_speed.py")
    items.sort(key=lambda item: item.path.name not in longest)


def pytest_configure(config):
    """Hides GPUs from all tests, and from what they start, but those marked gpu.

    Before torch is imported; workers of the tests inherit it."""
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


class Place:
    """A test's own results folder and cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results, self.cache = folder / "results", folder / "cache"

    @property
    def options(self) -> list[str]:
        return ["--results-dir", str(self.results), "--cache-dir", str(self.cache)]

    @property
    def smoke(self) -> Path:
        return self.cache / "smoke" / "fig1-synthetic"

    @property
    def codes(self) -> Path:
        return self.cache / "smoke" / "fig7-tsne"

    def command(self, *words: str) -> list[str]:
        return [sys.executable, str(ROOT / "bench.py"), *words, *self.options]

    def bench(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs the command to its end."""
        return subprocess.run(self.command(*words), capture_output=True, text=True,
                              timeout=HANG, check=False, cwd=self.folder)

    def tables(self, folder: Path | None = None) -> dict[str, bytes]:
        """Returns the bytes of the three tables."""
        return {name: ((folder or self.smoke) / name).read_bytes() for name in TABLES}


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    """Hides the real data folder from all tests but those on real data."""
    monkeypatch.delenv("WAE_BENCH_DATA_DIR", raising=False)


@pytest.fixture(autouse=True)
def no_adopted_code():
    """A job that a test executes in this process must not name the code for later tests."""
    yield
    provenance = sys.modules.get("benchmarks.harness.store.provenance")
    if provenance:
        provenance._adopted.clear()


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture(scope="session")
def fig1_sweep(tmp_path_factory):
    """A finished smoke sweep of Figure 1 by the pool; tests must not write into it."""
    return finished(Place(tmp_path_factory.mktemp("fig1_sweep")), "fig1-synthetic")


@pytest.fixture(scope="session")
def fig7_sweep(tmp_path_factory):
    """A finished smoke sweep of Figure 7 by the pool; tests must not write into it."""
    return finished(Place(tmp_path_factory.mktemp("fig7_sweep")), "fig7-tsne")


ON_CIFAR10 = ("fig2-convergence", "fig3-isotropy", "fig6-samples", "fig8-reconstruction", "table2",
           "fig14-cifar10-samples", "fig16-cifar10-reconstructions", "fig18-cifar10-interpolations")


@pytest.fixture(scope="session")
def cifar10_sweep(tmp_path_factory):
    """A finished smoke sweep of the artefacts on CIFAR-10; tests must not write into it."""
    # in one process: the workers of eight sweeps would import torch eight times
    return finished(Place(tmp_path_factory.mktemp("cifar10")), *ON_CIFAR10, "--cluster", "debug")


def finished(place, *words):
    done = place.bench(*words, "--scale", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    place.output = done.stdout
    return place


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A SLURM of one node, started for the tests."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def site(cluster, tmp_path, monkeypatch):
    """A test's own place that can reach the cluster; its jobs end with the test."""
    monkeypatch.setenv("SLURM_CONF", cluster.env["SLURM_CONF"])
    folder = tmp_path / "with a space"
    folder.mkdir()
    yield Place(folder)
    if cluster.queue():
        cluster.say("scancel", "--user=root")
        cluster.await_empty()


def send(place, *words):
    """Submits the sweep and returns its output; missing runs make the exit status 1."""
    done = place.bench(*words, "--cluster", "slurm")
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout
