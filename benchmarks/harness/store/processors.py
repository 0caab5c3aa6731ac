"""Processors that this process may use: its affinity, and the quota of its container or job."""

from contextlib import suppress
import os
from pathlib import Path, PurePosixPath
from typing import NamedTuple

GROUPS, MOUNTS = Path("/proc/self/cgroup"), Path("/proc/self/mountinfo")
USUAL = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/cpu"))  # where MOUNTS names none


def cores() -> int:
    """Whole processors that this process may keep busy, at least 1."""
    allowed = (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
               else os.cpu_count() or 1)
    return max(1, min([allowed, *(int(quota) for quota in _quotas())]))


def _quotas() -> list[float]:
    """Processor time per time of every control group that this process is in, where limited."""
    return [quota for folder in _folders() if (quota := _quota(folder)) is not None]


class Mount(NamedTuple):
    """A mounted hierarchy of control groups: version 2, or version 1 with the cpu controller."""

    root: PurePosixPath  # the group that is seen at `place`
    place: Path


def _folders() -> list[Path]:
    """The folders of this process's groups and of the groups around them."""
    names = [line.split(":", 2) for line in _lines(GROUPS)]
    own = [PurePosixPath(path) for _, controllers, path in names
           if not controllers or "cpu" in controllers.split(",")]
    found = dict.fromkeys(USUAL)
    for root, place in _mounts():
        for group in own:
            seen = group.is_relative_to(root) and ".." not in group.parts
            inner = place / group.relative_to(root) if seen else place
            found |= dict.fromkeys(folder for folder in (inner, *inner.parents)
                                   if folder.is_relative_to(place))
    return list(found)


def _mounts() -> list[Mount]:
    """See proc_pid_mountinfo(5): ID parent device ROOT PLACE options ... - TYPE source OPTIONS."""
    found = []
    for line in _lines(MOUNTS):
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "cpu" in options.split(",")):
            root, place = (part.encode().decode("unicode_escape") for part in before.split()[3:5])
            found.append(Mount(PurePosixPath(root), Path(place)))
    return found


def _lines(path: Path) -> list[str]:
    with suppress(OSError):  # other systems than Linux lack it
        return os.fsdecode(path.read_bytes()).splitlines()
    return []


def _quota(folder: Path) -> float | None:
    """The group's processors; None without a limit."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with suppress(OSError, ValueError, IndexError, ZeroDivisionError):
            words = " ".join((folder / name).read_text(encoding="ascii") for name in names).split()
            quota = int(words[0]) / int(words[1])  # "max" without a limit
            return quota if quota > 0 else None  # -1 without one
    return None
