"""The GPUs of this machine, and several processes on each; asked for without torch."""

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import shutil
import subprocess
import tempfile

DEVICES = Path("/dev")
CONTROL = "nvidia-cuda-mps-control"


def visible() -> int:
    """How many GPUs a process may use; 0 without NVIDIA's driver."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return len([name for name in named.split(",") if name.strip() not in ("", "-1")])
    return len(list(DEVICES.glob("nvidia[0-9]*")))


def device(wanted: str, worker: int) -> str:
    """The device of one of several workers: they take the GPUs in turn."""
    if wanted in ("auto", "cuda") and visible():
        return f"{wanted}:{worker % visible()}"
    return wanted


def asked(wanted: str) -> int:
    """How many GPUs a sweep is to use."""
    if wanted in ("auto", "cuda"):
        return visible()
    return int(wanted.startswith("cuda:"))


@contextmanager
def shared(runs_per_gpu: int) -> Iterator[None]:
    """Inside, processes on one GPU work at the same time and not in turns.

    By NVIDIA's multi-process service, where its program is there and nobody has started it.
    """
    control = shutil.which(CONTROL)
    if runs_per_gpu < 2 or not visible() or not control or "CUDA_MPS_PIPE_DIRECTORY" in os.environ:
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
                subprocess.run([control], input="quit\n", text=True, check=False)
            for name in own:
                del os.environ[name]
