"""Calls timed in turns, so that what disturbs the machine disturbs all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import statistics
import time
from typing import Any

import torch

WARM_UP = 1  # rounds that are not counted


@dataclass(frozen=True)
class Case:
    """Something to time: the first one of a `what` is what the others of it are compared with."""

    group: str
    what: str
    who: str
    call: Callable[[], Any]
    share: int = 1  # how many of what is counted one call does


def measured(cases: Sequence[Case], repeats: int, device: str) -> list[dict[str, Any]]:
    """A row per case: median and quartiles in milliseconds, and how it compares with the first.

    `relative`: median over the turns of its time over the first one's of the same turn.
    """
    seconds: dict[Case, list[float]] = {case: [] for case in cases}
    for _ in range(WARM_UP + repeats):
        for case, found in seconds.items():
            found.append(_timed(case.call, device) / case.share)
    taken = {case: found[WARM_UP:] for case, found in seconds.items()}
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
    """A row for each of `sizes`, in bytes and by whose they are; also over the first one."""
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
