"""Which device a run is trained on, and the global settings of torch that decide bits."""

import re

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
    """Sets what decides bits, and resolves the device "auto", or "auto:1" for a GPU by number."""
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
