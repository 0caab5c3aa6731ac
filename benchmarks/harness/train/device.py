"""Choice of devices, and torch's global settings that change the last bits of results."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
import gc
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
                              encoding="utf-8", check=False, timeout=patience, env=environment)
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


def set_precision(precision: str) -> None:
    """Sets what changes the last bits on a GPU, for "fp32", "tf32" or "bf16".

    In fp32 a resumed run is the uninterrupted one bit for bit, on the same model of GPU with the
    same versions: TF32 is off, and cuDNN's kernels are deterministic and not chosen by timing. No
    other kernel of our methods adds in a varying order, and torch gives cuBLAS, which needs it, a
    workspace per stream; torch.use_deterministic_algorithms would only slow it down. In tf32 and
    bf16 cuDNN uses its fastest kernels: a resumed run agrees up to rounding."""
    import torch
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.deterministic = precision == "fp32"
    torch.backends.cudnn.benchmark = False


@contextmanager
def single_precision() -> Iterator[None]:
    """The settings of fp32 inside; measures are computed in them, whatever the run's precision."""
    import torch
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic
    set_precision("fp32")
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic = before


def prepare_torch(device: str, precision: str) -> str:
    """Sets threads and precision, which change last bits; resolves "auto" or "auto:1"."""
    import torch
    # the number of threads changes the order of sums, so every launcher uses one
    torch.set_num_threads(1)
    set_precision(precision)
    if device.startswith("auto"):
        device = device.replace("auto", "cuda") if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda:"):
        torch.cuda.set_device(device)  # streams and graphs are made on the current one
    return device


def gpu_is_lost() -> bool:
    """Whether an error has made the GPU unusable in this process; a new process can use it.

    After a kernel's fault, such as a failed assertion or an illegal access, also one of another
    process under MPS, every call fails; after a failed capture, torch's generator may."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return False
    try:
        torch.cuda.synchronize()
        torch.rand(1, device="cuda")
    except RuntimeError as error:
        return not isinstance(error, torch.OutOfMemoryError)
    return False


def free_gpu() -> None:
    """Releases the GPU memory of runs that have ended, for the next run or another process."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()  # a user's method may refer to itself
        if not gpu_is_lost():
            torch.cuda.empty_cache()


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
                              capture_output=True, encoding="utf-8", check=False, timeout=60)
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
