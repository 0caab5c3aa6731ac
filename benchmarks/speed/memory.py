"""Peak memory of a training: measured, and counted by hand."""

from multiprocessing import get_context
from multiprocessing.connection import Connection
import os
from pathlib import Path
from typing import Any

from benchmarks.harness.train.cuda_graph import WARM_UP
from benchmarks.harness.train.loop import Trainer
from benchmarks.speed.cases import Sizes, in_mebibytes, run, training
from benchmarks.speed.negatives import saved

STEPS = WARM_UP + 2  # a graph is among them
TRAINED, KEPT = 4, 1  # a weight, its gradient and Adam's two moments; a weight of the key encoder


def of_training(sizes: Sizes, device: str) -> list[dict[str, Any]]:
    """Rows for MoCA with A2 on 32 x 32: measured in a process of its own, and counted."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(theirs, sizes, device))
    process.start()
    theirs.close()  # or this would wait for ever, should it die
    measured, counted = ours.recv()
    process.join()
    return in_mebibytes("memory", "peak of a MoCA training, A2, 64 images of 32 x 32", {
        "measured, above the interpreter and torch": measured,
        "counted: weights, gradients, moments, keys, what backward holds": counted})


def _measure(line: Connection, sizes: Sizes, device: str) -> None:
    import torch

    from benchmarks.harness.store.provenance import peak_memory_mib
    on_gpu = torch.device(device).type == "cuda"
    torch.nn.functional.conv2d(torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3))
    before = 0 if on_gpu else _resident()
    one = training(run("a2", "moca", sizes.width), device)
    for _ in range(STEPS):
        one.advance()
    peak = torch.cuda.max_memory_allocated() if on_gpu else int(peak_memory_mib() * 2**20) - before
    line.send((peak, _counted(one)))


def _resident() -> int:
    """Resident bytes of this process; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _counted(one: Trainer) -> int:
    """Bytes by the numbers of weights and by what autograd saves."""
    trained = sum(p.numel() for p in one.objective.parameters() if p.requires_grad)
    kept = sum(p.numel() for p in one.objective.parameters() if not p.requires_grad)
    buffers = sum(b.numel() * b.element_size() for b in one.objective.buffers())
    held = saved(lambda: one.objective.loss(one.batch())[0]["loss"],
                 one.objective.state_dict().values())
    return 4 * (TRAINED * trained + KEPT * kept) + buffers + held
