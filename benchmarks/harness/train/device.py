"""Choice of devices, and torch's global settings that change the last bits of results."""

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import re
import shutil
import subprocess
import tempfile

from benchmarks.harness.errors import UsageError


def check_device(device: str) -> None:
    """Raises UsageError for a device that torch cannot use here."""
    if device in ("auto", "cpu"):
        return
    import torch
    try:
        torch.zeros(1, device=device)
        if torch.device(device).type == "meta":
            raise RuntimeError("nothing is computed on it")
    except (RuntimeError, AssertionError) as error:
        reason = re.split(r"\. |\n", str(error))[0]
        raise UsageError(f"--device {device} cannot be used here: {reason}") from None


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
CONTROL = "nvidia-cuda-mps-control"


def visible_gpus() -> int:
    """Number of GPUs that a process may use; 0 without NVIDIA's driver."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return len(list(DEVICE_FILES.glob("nvidia[0-9]*")))
    return sum(name.strip() not in ("", "-1") for name in named.split(","))


def device_of_worker(wanted: str, worker: int) -> str:
    """The device of one of several workers: they take the GPUs in turn."""
    if wanted in ("auto", "cuda") and visible_gpus():
        return f"{wanted}:{worker % visible_gpus()}"
    return wanted


def gpus_asked(wanted: str) -> int:
    """Number of GPUs that a sweep uses."""
    return visible_gpus() if wanted in ("auto", "cuda") else int(wanted.startswith("cuda:"))


@contextmanager
def shared_gpus(runs_per_gpu: int) -> Iterator[None]:
    """Lets processes on one GPU work at the same time inside, instead of in turns.

    Uses NVIDIA's multi-process service, if its program is installed and not yet started."""
    control = shutil.which(CONTROL)
    served = "CUDA_MPS_PIPE_DIRECTORY" in os.environ
    if runs_per_gpu < 2 or not visible_gpus() or not control or served:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="mps") as folder:
        own = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        os.environ.update(own)
        started = subprocess.run([control, "-d"], check=False).returncode == 0
        if not started:
            print(f"note: {control} does not start; processes on one GPU take turns")
        try:
            yield
        finally:
            if started:
                subprocess.run([control], input="quit\n", encoding="utf-8", check=False)
            for name in own:
                del os.environ[name]
