"""NVIDIA's multi-process service: processes on one GPU compute at the same time, not in turns."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
import os
import re
import shutil
import subprocess
import tempfile
import time

from benchmarks.harness.train.device import fault_of, gpus_asked

CONTROL = "nvidia-cuda-mps-control"
PLACES = ("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY")
SERVERS = "get_server_list"
ANSWER_SECONDS, CLIENT_SECONDS, END_SECONDS = 30, 120, 30  # of the service at most


@contextmanager
def shared_gpus(device: str, runs_per_gpu: int) -> Iterator[None]:
    """Lets processes on one GPU compute at the same time inside.

    By a service of our own, if its program is installed and none runs; a line says if that fails.
    """
    control = shutil.which(CONTROL)
    if (runs_per_gpu < 2 or not gpus_asked(device) or not control or PLACES[0] in os.environ
            or _answer(control, os.environ, SERVERS) is not None):
        yield
        return
    with ExitStack() as ending:
        folder = ending.enter_context(
            tempfile.TemporaryDirectory(prefix="mps", ignore_cleanup_errors=True))
        own = dict.fromkeys(PLACES, folder)
        clients = os.environ | own
        ending.callback(_stop, control, clients)
        if fault := _fault(control, clients):
            ending.close()
            print(f"note: {CONTROL} does not serve ({fault}); processes on one GPU take turns",
                  flush=True)
        else:
            os.environ.update(own)
            for name in own:
                ending.callback(os.environ.pop, name)
        yield


def _fault(control: str, clients: Mapping[str, str]) -> str | None:
    """Starts the service; the reason if it does not serve a client that computes."""
    # by numbers, it would see the GPUs in them as 0, 1, ...: other numbers than its clients have
    numbered = re.search(r"(^|,)\s*\d", clients.get("CUDA_VISIBLE_DEVICES", ""))
    environment = {name: value for name, value in clients.items()
                   if name != "CUDA_VISIBLE_DEVICES" or not numbered}
    if _answer(control, environment, None) is None:
        return "it does not start"
    if reason := fault_of("cuda", CLIENT_SECONDS, clients):
        return reason
    served = re.search(r"^\d+", _answer(control, clients, SERVERS) or "", re.MULTILINE)
    return None if served else "it has no server for a client"


def _stop(control: str, clients: Mapping[str, str]) -> None:
    """Ends the service, and waits for its end: until then it writes into its folder."""
    _answer(control, clients, "quit -t 10")
    latest = time.monotonic() + END_SECONDS
    while _answer(control, clients, SERVERS) is not None and time.monotonic() < latest:
        time.sleep(0.2)


def _answer(control: str, environment: Mapping[str, str], words: str | None) -> str | None:
    """What the service says to the words; without words it is started. None if it fails."""
    # the service would keep a pipe open
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        try:
            done = subprocess.run([control, "-d"] if words is None else [control], check=False,
                                  input=f"{words or ''}\n", env=environment, encoding="utf-8",
                                  stdout=out, stderr=subprocess.DEVNULL, timeout=ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        out.seek(0)
        return out.read() if done.returncode == 0 else None
