"""Which device runs are trained on, by how many processes; what is recorded of a GPU."""

import json
import os
from pathlib import Path
import subprocess
import sys
from types import SimpleNamespace

from conftest import ROOT, pytest_configure
import pytest
import torch

from benchmarks import ARTEFACTS
from benchmarks.harness.command import main, sweep
from benchmarks.harness.command.arguments import check_values, parser
from benchmarks.harness.launch import mps
from benchmarks.harness.launch.launchers import kind_of_device
from benchmarks.harness.launch.options import Options
from benchmarks.harness.slurm import sbatch
from benchmarks.harness.slurm.sbatch import JobPayload
from benchmarks.harness.spec.selection import select
from benchmarks.harness.store import provenance
from benchmarks.harness.store.processors import cores
from benchmarks.harness.store.run_folder import RunFolder, Store
from benchmarks.harness.store.task import Task
from benchmarks.harness.train import device
from benchmarks.harness.train.device import prepare_torch

ABSENT = "GPU-00000000-0000-0000-0000-000000000000"  # a name that no GPU has


def test_gpus_are_hidden_from_tests_unless_the_gpu_mark_is_selected(monkeypatch):
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert not torch.cuda.is_available()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    for marks, seen in (("gpu", "0"), ("not slow", "")):
        pytest_configure(SimpleNamespace(option=SimpleNamespace(markexpr=marks)))
        assert os.environ["CUDA_VISIBLE_DEVICES"] == seen


def test_workers_are_spread_over_the_gpus_in_turn(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    assert device.visible_gpus() == 2
    assert [device.device_of_worker("auto", k) for k in range(4)] == ["auto:0", "auto:1"] * 2
    assert [device.device_of_worker("cuda", k) for k in range(2)] == ["cuda:0", "cuda:1"]
    assert device.device_of_worker("cpu", 1) == "cpu"
    assert device.device_of_worker("cuda:1", 0) == "cuda:1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert (device.visible_gpus(), device.device_of_worker("auto", 3)) == (0, "auto")
    assert prepare_torch("auto:1", "fp32") == "cpu"  # a driver alone is not a usable GPU


def test_gpus_are_counted_by_their_device_nodes(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(device, "DEVICE_FILES", tmp_path)
    assert device.visible_gpus() == 0
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert device.visible_gpus() == 2


@pytest.mark.parametrize(("named", "count"), [
    ("0,2", 2), ("3", 1), (f"{ABSENT}, MIG-1/2/3", 2), ("", 0), ("-1", 0), ("NoDevFiles", 0),
    ("1,-1,2", 1)])
def test_visible_gpus_are_counted_as_cuda_reads_its_variable(named, count, monkeypatch):
    """CUDA programming guide: only those before the first invalid one are visible."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert device.visible_gpus() == count


def options_for(place, words):
    options = parser(main.COMMANDS).parse_args([*words, *place.options])
    check_values(options, main.COMMANDS)
    return options


def sweep_of(place, words):
    options = options_for(place, words)
    chosen = select(ARTEFACTS[options.words[0]], options.scale, None, None, (),
                    precision=options.precision)
    return sweep.Sweep(chosen, Store(place.cache / "runs"), options, set())


MINI, SMOKE, SLURM = ("--scale", "mini"), ("--scale", "smoke"), ("--cluster", "slurm")


@pytest.mark.parametrize(("words", "expected", "jobs", "kind"), [
    (("fig1-synthetic",), "cpu", cores(), "cpu"),
    (("fig1-synthetic", "--runs-per-gpu", "3"), "cpu", cores(), "cpu"),
    (("table2",), "auto", 2, "cuda"), (("table2", "--runs-per-gpu", "3"), "auto", 6, "cuda"),
    (("table2", *MINI), "auto", 2, "cuda"), (("table2", *SMOKE), "cpu", cores(), "cpu"),
    (("table2", "--jobs", "5"), "auto", 5, "cuda"),
    (("table2", "--device", "cpu"), "cpu", cores(), "cpu"),
    (("fig1-synthetic", "--device", "cuda"), "cuda", 2, "cuda"),
    (("table2", "--device", "cuda:1", "--runs-per-gpu", "3"), "cuda:1", 3, "cuda"),
    (("table2", *SLURM), "auto", 2, "cuda"), (("table2", *MINI, *SLURM), "cpu", cores(), "cpu"),
    (("table2", *SLURM, "--slurm", "gres=none"), "cpu", cores(), "cpu"),
    (("table2", *SLURM, "--slurm", "gpus-per-node=0"), "cpu", cores(), "cpu"),
    (("table2", *MINI, *SLURM, "--slurm", "gres=gpu:a100:1"), "auto", 2, "cuda"),
    (("table2", *MINI, *SLURM, "--slurm", "gpus=1", "--slurm", "partition=gpu"), "auto", 2, "cuda"),
    (("table2", *MINI, *SLURM, "--slurm", "partition=gpu"), "cpu", cores(), "cpu"),
    (("table2", *MINI, *SLURM, "--device", "cuda"), "cuda", 2, "cuda")])
def test_device_and_processes_follow_the_declared_resources(
    words, expected, jobs, kind, monkeypatch, place
):
    """On a machine with two GPUs."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    monkeypatch.setattr(sweep, "usable_device", lambda device: device)
    one = sweep_of(place, words)
    found = one._options(99)
    assert (found.device, found.jobs) == (expected, jobs)
    needs = one.selection.artefact.resources[one.selection.scale]
    assert kind_of_device(needs, one.options) == kind


def test_processes_without_a_gpu_are_one_a_core(place):
    assert sweep_of(place, ["table2", "--runs-per-gpu", "3"])._options(99).jobs == cores()
    assert sweep_of(place, ["table2"])._options(1).jobs == 1


@pytest.fixture
def unusable_gpu(monkeypatch):
    """A GPU is visible, and torch cannot use it."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ABSENT)
    device.usable_device.cache_clear()
    yield
    device.usable_device.cache_clear()


def test_auto_with_unusable_gpu_warns_once_and_uses_the_processor(unusable_gpu, capsys, place):
    for _ in range(2):
        found = sweep_of(place, ["table2", "--scale", "mini"])._options(99)
        assert (found.device, found.jobs) == ("cpu", cores())
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: there is a GPU, but torch cannot use it (")
    assert "()" not in line


def test_slurm_job_with_unusable_gpu_warns_and_uses_the_processor(
    unusable_gpu, capsys, monkeypatch, tmp_path
):
    seen = []
    monkeypatch.setattr(sbatch, "execute", lambda task, options, *rest: seen.append(options.device))
    monkeypatch.setattr(device, "fault_of", lambda device: "the driver is too old")
    for asked in ("auto", "cpu", "cuda"):  # the last one fails each run, with its own reason
        task = Task(RunFolder(tmp_path / "run"))
        JobPayload.of([task], Options(tmp_path, asked), provenance.fingerprint())()
    assert seen == ["cpu", "cpu", "cuda"]
    assert capsys.readouterr().err.count("warning: there is a GPU") == 1


TRY = """
import sys
from benchmarks.harness.errors import UsageError
from benchmarks.harness.train.device import fault_of, usable_device
try:
    usable_device(sys.argv[1])
except UsageError as error:
    print(error)
print(usable_device("cpu"), "torch" in sys.modules)
"""


def test_device_check_leaves_torch_out_of_the_calling_process():
    """This process would keep a context, which blocks a GPU in exclusive mode."""
    done = subprocess.run([sys.executable, "-c", TRY, "cuda"], capture_output=True, text=True,
                          check=True, cwd=ROOT)
    reason, rest = done.stdout.splitlines()
    assert reason.startswith("--device cuda cannot be used here: ")
    assert not reason.endswith(": ")
    assert rest == "cpu False"


def test_device_check_tells_working_hanging_and_dying_children_apart(monkeypatch, tmp_path):
    assert device.fault_of("cpu") is None
    assert device.fault_of("cpu", 0.001) == "no answer within 0.001 s"
    for body, said in (("import os; os.abort()", "a trial ended with code -6"),
                       ("raise SystemExit('no such library')", "no such library"),
                       ("print('welcome')", None)):
        monkeypatch.setattr(device, "TRIAL", body)
        assert device.fault_of("cpu") == said


SERVICE = """#!/bin/sh
# stands in for NVIDIA's program: -d starts the service, which ends a while after it is told to
state="$CUDA_MPS_PIPE_DIRECTORY/running"
echo "$@ gpus:${CUDA_VISIBLE_DEVICES-all}" >> CALLS
if [ "$1" = -d ]; then
    [ -d "$CUDA_MPS_PIPE_DIRECTORY" ] && touch "$state"
    exit
fi
read -r words
echo "$words" >> CALLS
[ -e "$state" ] || exit 1
case $words in
    get_server_list) [ -z "SERVERS" ] || echo SERVERS ;;
    quit*) (for k in 1 2 3 4 5 6 7 8; do sleep 0.1; echo "$k" > "$CUDA_MPS_LOG_DIRECTORY/log.$k"
            done; echo ended >> CALLS; rm "$state") > /dev/null 2>&1 & ;;
esac
"""


class Service:
    """A stand-in for NVIDIA's program on PATH; `calls`: its arguments and input, a line each."""

    def __init__(self, folder, monkeypatch, servers="4711"):
        self.log, program = folder / "calls", folder / mps.CONTROL
        text = SERVICE.replace("CALLS", str(self.log)).replace("SERVERS", servers)
        program.write_text(text)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        for name in mps.PLACES:
            monkeypatch.delenv(name, raising=False)

    @property
    def calls(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


def served(device, patience, environment):
    """Stands in for a client that computes on a GPU."""
    assert device == "cuda"
    assert Path(environment[mps.PLACES[0]], "running").exists()


@pytest.mark.parametrize(("named", "seen"), [
    ("0", "all"), ("0,2", "all"), (ABSENT, ABSENT), ("MIG-4", "MIG-4")])
def test_multi_process_service_runs_as_long_as_the_sweep(named, seen, monkeypatch, tmp_path):
    """With the numbers of GPUs that its clients have: it is started by names, or without any."""
    service = Service(tmp_path, monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    monkeypatch.setattr(mps, "fault_of", served)
    with mps.shared_gpus("auto", 2):
        folder = os.environ[mps.PLACES[0]]
        assert os.environ["CUDA_VISIBLE_DEVICES"] == named
        assert f"-d gpus:{seen}" in service.calls
        before = service.calls
        with mps.shared_gpus("auto", 2):  # it runs already
            assert service.calls == before
    assert "ended" in service.calls  # waited for, and its folder removed after
    assert not Path(folder).exists()
    assert not set(mps.PLACES) & set(os.environ)


def test_multi_process_service_is_not_started_without_need(monkeypatch, tmp_path):
    service = Service(tmp_path, monkeypatch)
    for runs, visible, asked in ((1, "0", "auto"), (2, "", "auto"), (2, "0", "cpu")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        with mps.shared_gpus(asked, runs):
            assert not set(mps.PLACES) & set(os.environ)
    assert not service.calls


def test_multi_process_service_of_the_machine_is_used_if_it_runs(monkeypatch, tmp_path):
    """One that answers where no folder is named."""
    program = tmp_path / mps.CONTROL
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.delenv(mps.PLACES[0], raising=False)
    with mps.shared_gpus("cuda", 2):
        assert not set(mps.PLACES) & set(os.environ)
    assert (tmp_path / "calls").read_text() == "\n"  # asked, and not started


@pytest.mark.parametrize(("servers", "client", "reason"), [
    ("4711", lambda *trial: "MPS client failed", "MPS client failed"),
    ("", served, "it has no server for a client")], ids=["failing client", "no server"])
def test_multi_process_service_that_does_not_serve_is_stopped_with_a_note(
    servers, client, reason, monkeypatch, tmp_path, capsys
):
    """As seen by a client, and by the service's list of servers."""
    service = Service(tmp_path, monkeypatch, servers)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ABSENT)
    monkeypatch.setattr(mps, "fault_of", client)
    with mps.shared_gpus("cuda", 2):
        assert not set(mps.PLACES) & set(os.environ)
        assert service.calls.count("ended") == 1
    assert service.calls.count("quit -t 10") == 1
    assert capsys.readouterr().out == (f"note: {mps.CONTROL} does not serve ({reason}); "
                                       "processes on one GPU take turns\n")


def test_gpu_provenance_has_model_driver_libraries_and_settings(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 580.95.05\necho 580.95.05\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a GPU called {device}")
    device._driver.cache_clear()
    for precision, tf32 in (("tf32", True), ("fp32", False)):
        prepare_torch("cpu", precision)
        found = device.gpu_provenance("cuda:1")
        assert json.loads(json.dumps(found)) == found
        flags = found.pop("torch_flags")
        assert found == {"gpu": "a GPU called cuda:1", "driver": "580.95.05",
                         "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
        assert (flags["matmul.allow_tf32"], flags["cudnn.allow_tf32"]) == (tf32, tf32)
        assert flags["float32_matmul_precision"] == ("high" if tf32 else "highest")
        assert isinstance(flags["cudnn.deterministic"], bool)
    device._driver.cache_clear()
    program.write_text("#!/bin/sh\nexit 9\n")
    assert device.gpu_provenance("cuda")["driver"] is None
    device._driver.cache_clear()


def test_gpu_peaks_are_reset_by_each_call(monkeypatch):
    peaks = {"allocated": 0, "reserved": 0}
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: peaks["allocated"])
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: peaks["reserved"])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats",
                        lambda device: peaks.update(allocated=0, reserved=0))
    peaks |= {"allocated": 3 * 2**20, "reserved": 2**22}
    assert device.gpu_peaks("cuda") == {"gpu_peak_allocated_mib": 3.0,
                                        "gpu_peak_reserved_mib": 4.0}
    assert set(device.gpu_peaks("cuda").values()) == {0.0}
    assert device.gpu_peaks("cpu") == device.gpu_provenance("cpu") == {}


def test_provenance_of_a_cpu_run_has_its_precision_and_no_gpu(fig1_sweep):
    found = json.loads((fig1_sweep.smoke / "provenance.json").read_text())["shared"]
    assert (found["device"], found["precision"]) == ("cpu", "fp32")
    assert not {"gpu", "driver", "cuda", "cudnn", "torch_flags"} & set(found)
