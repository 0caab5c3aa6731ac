"""Estimated cost of training: the table of networks, and the imports of `plan`.

`python -m tests.test_costs`, from the project's root, writes the table.
"""

import csv
import io
import json
from pathlib import Path
import subprocess
import sys

import pytest

from benchmarks import ARTEFACTS, TUNINGS
from benchmarks.harness.command import costs, main
from benchmarks.harness.command.arguments import check_values, parser
from benchmarks.harness.command.costs import Cost, Estimates
from benchmarks.harness.command.sweep import Sweep
from benchmarks.harness.spec.claims import SCALES
from benchmarks.harness.spec.selection import select
from benchmarks.harness.store.run_folder import Store

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


ARM, OTHER = "moca[A1]", "moca[A2]"  # of Table 2


def measured(folder, *runs):
    """Provenance of runs of 100 steps and 8 bytes; a dictionary each."""
    folder.mkdir(parents=True)
    (folder / "provenance.json").write_text(json.dumps({
        "shared": {"steps": 100, "disk_bytes": 8},
        "runs": {str(k): {"arm": ARM} | run for k, run in enumerate(runs)}}))


def selected(place, *words):
    """The selection of the words, and the options."""
    options = parser(main.COMMANDS).parse_args([*words, *place.options])
    check_values(options, main.COMMANDS)
    return select(ARTEFACTS["table2"], "paper", None, options.methods, (),
                  precision=options.precision), options


def entry_of(selection, arm):
    return next(entry for entry in selection.entries() if entry.arm.name == arm)


CPU, GPU = {"device": "cpu", "train_seconds": 50.0}, {"device": "cuda:1", "train_seconds": 0.5}


def test_estimates_keep_kinds_of_device_apart(place):
    taken = {"a": {"seconds": 4.0}, "b": {"seconds": 90.0, "device": "cpu"}}
    measured(place.results / "table2", CPU | {"measures": {"a": {"seconds": 9.0}}}, GPU,
             GPU | {"device": "cuda", "train_seconds": 1.5, "measures": taken})
    selection, options = selected(place, "plan", "table2")
    found, entry = Estimates.read(selection, options), entry_of(selection, ARM)
    steps = entry.run.steps
    assert found.of(entry, "cpu") == pytest.approx((0.5 * steps, 9.0, 8))
    assert found.of(entry, "cuda") == pytest.approx((0.01 * steps, 2.0, 8))  # b was on a processor
    other = entry_of(selection, OTHER)
    assert found.of(other, "cuda").training == pytest.approx(0.01 * other.run.steps)
    assert found.of(entry, "xpu") is None


def test_estimates_keep_precisions_apart(place):
    """Those of arms picked by hand lie in one folder; earlier ones did not say theirs."""
    measured(place.results / "table2", GPU)  # earlier ones as declared, hence in fp32
    measured(place.results / "custom" / "table2", GPU | {"precision": "tf32"}, GPU)
    selection, options = selected(place, "plan", "table2")
    assert Estimates.read(selection, options).of(entry_of(selection, ARM), "cuda")
    for precision, known in (("tf32", True), ("bf16", False), ("fp32", False)):
        selection, options = selected(place, "plan", "table2", "--methods", "moca",
                                      "--precision", precision)
        found = Estimates.read(selection, options).of(entry_of(selection, ARM), "cuda")
        assert (found is not None) == known, precision


def planned(place, capsys, *words):
    assert main.main(["plan", *words, *place.options]) == 0
    return capsys.readouterr().out


def test_plan_uses_only_runs_measured_on_the_same_kind_of_device(place, capsys, monkeypatch):
    """Of Table 2, A1 was trained, on a processor; A2 never was."""
    measured(place.results / "table2", CPU)
    for words, measures, rate in (
        (("--device", "cpu"), True, "of a core at 5e+10 a second in fp32"),
        (("--device", "cuda"), False, "of a GPU at 2e+13 a second in fp32"),
        (("--device", "cuda", "--precision", "tf32"), False, "of a GPU at 5e+13 a second in tf32"),
        (("--cluster", "slurm", "--precision", "bf16"), False, "of a GPU at 1e+14 a second in bf16")
    ):
        said = planned(place, capsys, "table2", *words)
        assert ("core-minutes" in said) is measures
        assert "GPU-minutes" not in said
        assert f"{rate}, as counted: none was measured" in said
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    measured(place.results / "fig1-synthetic", CPU | {"arm": "mmd"})
    total = planned(place, capsys, "fig1", "table2").splitlines()[-1]
    assert "core-minutes" in total
    assert "of a GPU at 2e+13" in total


def test_cost_line_lists_each_kind_of_device_and_precision():
    one = Cost({"cpu": 120.0}, {("cuda", "bf16"): 6e15}, 2**20, 60.0)
    other = Cost({"cpu": 60.0, "cuda": 600.0}, {("cuda", "fp32"): 1.2e15}, 0.0, 90.0)
    assert (one + other).told({"cpu": 3, "cuda": 2}.get) == (
        "about 3.0 core-minutes, 1.0 minutes on 3 processes, as measured of runs like them; "
        "about 10.0 GPU-minutes, 5.0 minutes on 2 processes, as measured of runs like them; "
        "6e+15 operations, 1.0 minutes of a GPU at 1e+14 a second in bf16, as counted: none was "
        "measured; 1.2e+15 operations, 1.0 minutes of a GPU at 2e+13 a second in fp32, as counted: "
        "none was measured; longest run 1.5 minutes; 1.0 MiB of disk")
    assert one + Cost() == one


def test_slurm_limits_use_only_runs_on_the_kind_of_device_jobs_ask_for(place):
    measured(place.results / "table2", CPU, GPU)
    for words, per_step in (((), 0.005), (("--slurm", "gres=none"), 0.5)):
        selection, options = selected(place, "table2", "--cluster", "slurm", *words)
        one = Sweep(selection, Store(place.cache / "runs"), options, set())
        seconds = one._options(1).slurm.seconds
        run = entry_of(selection, ARM).run
        assert seconds[run.key] == pytest.approx(per_step * run.steps)
    selection, options = selected(place, "table2", "--cluster", "slurm", "--precision", "bf16")
    one = Sweep(selection, Store(place.cache / "runs"), options, set())
    assert not one._options(1).slurm.seconds


if __name__ == "__main__":
    costs.NETWORK_COSTS.write_text(table())
