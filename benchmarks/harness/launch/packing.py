"""How runs are spread over jobs, and jobs over arrays."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

JOB_SECONDS = 1800.0  # a job is worth its start from here on

T = TypeVar("T")


def packs(
    keys: Sequence[str], seconds: Mapping[str, float], per_job: int | None
) -> list[tuple[str, ...]]:
    """The runs of each job, in order.

    `per_job` of them; or as many as are thought to take JOB_SECONDS together, which is one where
    there is no estimate in `seconds`.
    """
    if per_job:
        return chunks(keys, per_job)
    found: list[list[str]] = []
    room = 0.0
    for key in keys:
        cost = seconds.get(key, JOB_SECONDS)
        if not found or cost > room:
            found.append([])
            room = JOB_SECONDS
        found[-1].append(key)
        room -= cost
    return [tuple(job) for job in found]


def chunks(items: Sequence[T], size: int) -> list[tuple[T, ...]]:
    """The items in tuples of `size`, the last one with what is left."""
    return [tuple(items[k:k + size]) for k in range(0, len(items), size)]
