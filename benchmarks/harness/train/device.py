"""Choice of devices, and torch's global settings that change the last bits of results."""

from collections.abc import Mapping
from functools import cache
from itertools import takewhile
import os
from pathlib import Path
import re
import subprocess
import sys

from benchmarks.harness.errors import UsageError

TRIAL = """
import sys
import torch
try:
    float(torch.ones(1, device=sys.argv[1]) + 1)
except (RuntimeError, AssertionError) as error:
    print(str(error) or repr(error))
    sys.exit(1)
"""


def fault_of(
    device: str, patience: float | None = None, environment: Mapping[str, str] | None = None
) -> str | None:
    """Why torch cannot compute on the device; None if a child process can, in the environment.

    In this process a CUDA context would stay, which keeps others off a GPU in exclusive mode.
    `patience`: seconds after which the child counts as stuck."""
    try:
        done = subprocess.run([sys.executable, "-P", "-c", TRIAL, device], capture_output=True,
                              text=True, check=False, timeout=patience, env=environment)
    except subprocess.TimeoutExpired:
        return f"no answer within {patience:g} s"
    if done.returncode == 0:
        return None
    if done.stdout:
        return re.split(r"\. |\n", done.stdout.strip())[0]
    return (done.stderr.splitlines() or [f"a trial ended with code {done.returncode}"])[-1]


@cache
def usable_device(device: str) -> str:
    """The device; "cpu", after a warning, for "auto" if torch cannot use the GPU that is visible.

    Raises UsageError for another device that cannot be used here."""
    if device == "cpu" or (device == "auto" and not visible_gpus()):
        return device
    reason = fault_of(device.replace("auto", "cuda"))
    if reason is None:
        return device
    if device != "auto":
        raise UsageError(f"--device {device} cannot be used here: {reason}")
    print(f"warning: there is a GPU, but torch cannot use it ({reason}); training on the processor",
          file=sys.stderr, flush=True)
    return "cpu"


def prepare_torch(device: str, precision: str) -> str:
    """Sets threads and TF32, which change last bits; resolves the device "auto" or "auto:1"."""
    import torch
    # the number of threads changes the order of sums, so every launcher uses one
    torch.set_num_threads(1)
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    if device.startswith("auto"):
        device = device.replace("auto", "cuda") if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda:"):
        torch.cuda.set_device(device)  # streams and graphs are made on the current one
    return device


DEVICE_FILES = Path("/dev")
GPU_NAME = re.compile(r"\s*(\d+|(GPU|MIG)-.+)\s*")  # CUDA stops at the first other name


def visible_gpus() -> int:
    """Number of GPUs that a process may use; 0 without NVIDIA's driver."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return len(list(DEVICE_FILES.glob("nvidia[0-9]*")))
    return len(list(takewhile(GPU_NAME.fullmatch, named.split(","))))


def device_of_worker(wanted: str, worker: int) -> str:
    """The device of one of several workers: they take the GPUs in turn."""
    if wanted in ("auto", "cuda") and visible_gpus():
        return f"{wanted}:{worker % visible_gpus()}"
    return wanted


def gpus_asked(wanted: str) -> int:
    """Number of GPUs that a sweep uses."""
    if wanted == "auto":
        return visible_gpus()
    return max(1, visible_gpus()) if wanted == "cuda" else int(wanted.startswith("cuda:"))


def gpu_provenance(device: str) -> dict[str, object]:
    """A GPU's model, driver and libraries, and torch's settings for it; empty for a processor."""
    import torch
    if torch.device(device).type != "cuda":
        return {}
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    return {
        "gpu": torch.cuda.get_device_name(device), "driver": _driver(),
        "cuda": torch.version.cuda, "cudnn": cudnn.version(),  # type: ignore[no-untyped-call]
        "torch_flags": {
            "matmul.allow_tf32": matmul.allow_tf32, "cudnn.allow_tf32": cudnn.allow_tf32,
            "cudnn.deterministic": cudnn.deterministic, "cudnn.benchmark": cudnn.benchmark,
            "float32_matmul_precision": torch.get_float32_matmul_precision()}}


@cache
def _driver() -> str | None:
    """The version of NVIDIA's driver; None if its program does not say it."""
    try:
        done = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
                              capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return next(iter(done.stdout.split()), None) if done.returncode == 0 else None


def gpu_peaks(device: str) -> dict[str, float]:
    """Peaks of GPU memory in MiB since the last call: of tensors, and of what torch holds for them.

    Empty for a processor."""
    import torch
    if torch.device(device).type != "cuda":
        return {}
    tensors, held = torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device)
    torch.cuda.reset_peak_memory_stats(device)
    return {"gpu_peak_allocated_mib": round(tensors / 2**20, 1),
            "gpu_peak_reserved_mib": round(held / 2**20, 1)}
