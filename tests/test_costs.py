"""Estimated cost of training: the table of networks, and the imports of `plan`.

`python -m tests.test_costs`, from the project's root, writes the table.
"""

import csv
import io
from pathlib import Path
import subprocess
import sys

import pytest

from benchmarks import ARTEFACTS, TUNINGS
from benchmarks.harness.command import costs
from benchmarks.harness.spec.claims import SCALES

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "torchvision", "numpy", "pandas", "scipy", "PIL", "submitit", "matplotlib",
         "sklearn"}


def table():
    """One row per network declared by any artefact or tuning at any scale."""
    networks = sorted({costs.network(arm.run)
                       for artefact in (*ARTEFACTS.values(), *TUNINGS.values())
                       for scale in SCALES for arm in artefact.arms(scale)})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("architecture", "shape", "dim", "width", *costs.NetworkCost._fields))
    writer.writerows((*network, *costs.counted(*network)) for network in networks)
    return text.getvalue()


def test_cost_table_equals_torchs_count_for_declared_networks():
    assert costs.NETWORK_COSTS.read_text() == table(), (
        f"run `python -m tests.test_costs`, which writes {costs.NETWORK_COSTS}")


def test_network_in_the_cost_table_is_not_counted_again(monkeypatch):
    monkeypatch.setattr(costs, "counted", None)
    costs.network_cost.cache_clear()
    assert costs.network_cost("mlp2", "100", 128, 1.0).encoder == 2 * (100 + 128) * 128


def test_network_not_in_the_cost_table_is_counted():
    """For a user's own images: the dense layers of 48 by 48 pixels are larger."""
    other, known = (costs.network_cost("mlp3", shape, 6, 1.0) for shape in ("3x48x48", "1x28x28"))
    assert other.weights - known.weights == (128 + 129) * (3 * 48 * 48 - 28 * 28)
    assert other.encoder - known.encoder == 2 * 128 * (3 * 48 * 48 - 28 * 28)


PLAN = """
import sys
from benchmarks.harness.start import main
from benchmarks.harness.store.provenance import peak_memory_mib
status = main()
print(*sys.modules, peak_memory_mib(), file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.parametrize("words", [
    *(("--scale", scale, "--results-dir", "nothing") for scale in SCALES), (),
], ids=[*SCALES, "results"])
def test_plan_of_everything_imports_no_large_package(words, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PLAN, "plan", "all", *words, "--cache-dir", str(tmp_path)],
        capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "all: " in done.stdout
    *modules, peak = done.stderr.split()
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    assert float(peak) < 100


if __name__ == "__main__":
    costs.NETWORK_COSTS.write_text(table())
