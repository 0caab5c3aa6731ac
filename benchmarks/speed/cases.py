"""Timed cases: the paper's networks on noise images, in turns with their rivals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
import statistics
import time
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from benchmarks.harness.train.cuda_graph import WARM_UP
from benchmarks.harness.train.curves import TrainingSetup
from benchmarks.harness.train.execution import FAST, Execution
from benchmarks.harness.train.loop import Trainer
from benchmarks.recipes import CIFAR10, resized
from methods.base import Regularizer

UNCOUNTED = 1  # rounds that are not counted


@dataclass(frozen=True)
class Case:
    """A timed call; the first case of a `what` is the one that the others are compared with."""

    group: str
    what: str
    who: str
    call: Callable[[], Any]
    share: int = 1  # how many of what is counted one call does


def measured(cases: Sequence[Case], repeats: int, device: str) -> list[dict[str, Any]]:
    """One row per case: median and quartiles in milliseconds.

    `relative`: median over the turns of its time divided by the first case's in the same turn."""
    seconds: dict[Case, list[float]] = {case: [] for case in cases}
    for _ in range(UNCOUNTED + repeats):
        for case, found in seconds.items():
            found.append(_timed(case.call, device) / case.share)
    taken = {case: found[UNCOUNTED:] for case, found in seconds.items()}
    first = {case.what: taken[case] for case in reversed(cases)}
    rows = []
    for case, found in taken.items():
        low, median, high = statistics.quantiles(found, n=4, method="inclusive")
        ratio = statistics.median(a / b for a, b in zip(found, first[case.what], strict=True))
        rows.append({
            "group": case.group, "what": case.what, "who": case.who, "unit": "ms",
            "median": round(median * 1e3, 4), "low": round(low * 1e3, 4),
            "high": round(high * 1e3, 4), "n": repeats,
            "relative": round(ratio, 4)})
        print(f"  {case.what}: {case.who}: {median * 1e3:.3g} ms", flush=True)
    return rows


def in_mebibytes(group: str, what: str, sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    """One row per entry of `sizes` (bytes by name), also relative to the first one."""
    first = next(iter(sizes.values()))
    return [{"group": group, "what": what, "who": who, "unit": "MiB", "n": 1,
             "median": round(size / 2**20, 3), "relative": round(size / first, 4)}
            for who, size in sizes.items()]


def _timed(call: Callable[[], Any], device: str) -> float:
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu:
        torch.cuda.synchronize()
    began = time.perf_counter()
    call()
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - began


BATCH = 64
IMAGES = 512  # that a training goes through again and again
NOWHERE = Path()  # nothing is read from files


@dataclass(frozen=True)
class Sizes:
    """Amount of work at a scale."""

    width: float | None  # of the networks
    repeats: int
    batches: tuple[int, ...]  # codes that a regularizer is given
    dims: tuple[int, ...]
    features: int  # dimension of those that a Frechet distance is between
    compared: int  # images between which image SWD is
    scored: Mapping[str, int]  # kind of device -> images of an evaluation
    queues: tuple[int, ...]  # K of claim C31


SIZES = {
    "paper": Sizes(None, 5, (64, 256, 1024), (64, 128, 512), 2048, 256,
                   {"cpu": 64, "cuda": 10_000}, (64, 128, 256, 512)),
    "mini": Sizes(1 / 8, 5, (64, 1024), (64, 512), 2048, 64, {"cpu": 64, "cuda": 2000},
                  (64, 256)),
    "smoke": Sizes(1 / 16, 2, (64,), (64,), 64, 8, {"cpu": 8, "cuda": 8}, (64, 128))}


def images(n: int, side: int) -> Tensor:
    """(n, 3, side, side) uint8 noise, the same at every call."""
    draws = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, side, side), generator=draws, dtype=torch.uint8)


def run(architecture: str, method: str, width: float | None, precision: str = "fp32") -> Run:
    """The run as in Table 2; the residual network as in Table 3 at 64 pixels."""
    template = (resized("paper", 64, 1.0, 1) if architecture == "residual"
                else CIFAR10.template("paper", architecture))
    template = replace(template, n_train=IMAGES, width=width, precision=precision, lam=1.0)
    return resolve(template, method, {})


def training(
    run: Run, device: str, execution: Execution = FAST, regularizer: Regularizer | None = None
) -> Trainer:
    """A training without curves; `regularizer` replaces the run's own.

    On a GPU it is advanced until its CUDA graph is captured."""
    side = run.image_size or 32
    setup = TrainingSetup(run, images(IMAGES, side), NOWHERE, device)
    made = Trainer(setup, (), NOWHERE, execution)
    if regularizer is not None:
        made.objective.regularizer = regularizer
    for _ in range(WARM_UP + 1 if made.graph else 0):
        made.advance()
    return made
