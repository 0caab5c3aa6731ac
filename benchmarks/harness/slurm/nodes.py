"""Nodes that do not see the cache, or fail every job within seconds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
import re

from benchmarks.harness.slurm import queue
from benchmarks.harness.slurm.jobs import JobOfRun, Jobs

# comment of a job that has put itself back into the queue, held; after the node's name
BLIND = "does not see the cache of this wae-bench job"
STOPPED = 143  # exit status of a job that was told to end, as a shell has it for SIGTERM
EPITAPH = "wae-bench: status $? after $SECONDS s on $SLURMD_NODENAME"  # a job's last line
ENDED = re.compile(r"^wae-bench: status (\d+) after (\d+) s on (\S+)$", re.M)
QUICK_SECONDS = 60  # the import of torch from a slow file system may take that long
BY_SIGNAL = (130, 137, STOPPED)  # somebody ended it


def blind_node(place: JobOfRun) -> str | None:
    """The node on which the queued job did not see the cache, so that it is held."""
    if place.queued is None or "held" not in place.queued.reason.lower():
        return None
    found = re.search(rf"([^\s|]+) {BLIND}", place.queued.names)
    return found[1] if found else None


def _held(jobs: Jobs) -> Mapping[str, list[JobOfRun]]:
    """The user's jobs that are held because of a node that does not see the cache, by node."""
    found = defaultdict[str, list[JobOfRun]](list)
    for place in jobs.jobs:
        if place.submission.user == jobs.user and (node := blind_node(place)):
            found[node].append(place)
    return found


def is_held(jobs: Jobs) -> bool:
    """Whether any job is held because of a node that does not see the cache."""
    return bool(_held(jobs))


def release(jobs: Jobs, exclude: str) -> None:
    """Frees the jobs that are held because of a node, without it and those of `exclude`."""
    held = _held(jobs)
    without = ",".join(filter(None, [exclude, *sorted(held)]))
    for job in (place.id for places in held.values() for place in places):
        with suppress(queue.QueueError):  # somebody may have cancelled it meanwhile
            queue.ask("scontrol", "update", f"JobId={job}", f"ExcNodeList={without}",
                      "Comment=wae-bench")
            queue.ask("scontrol", "release", job)


def advice(jobs: Jobs, lost: Iterable[str]) -> list[str]:
    """A line for each node that runs are to avoid."""
    return [f"node {node} does not see {jobs.root.parent}, and {len(places)} jobs wait for "
            f"another: --slurm exclude={node}" for node, places in _held(jobs).items()] + [
            f"node {node} failed the jobs of {len(keys)} runs within seconds: "
            f"--slurm exclude={node}" for node, keys in failing_nodes(jobs, lost).items()]


def end_of(place: JobOfRun) -> tuple[int, int, str] | None:
    """Exit status, seconds and node of a job's last attempt, by its log; None if it tells none."""
    with suppress(FileNotFoundError):
        if lines := ENDED.findall(place.log.read_text(encoding="utf-8", errors="replace")):
            status, seconds, node = lines[-1]
            return int(status), int(seconds), node
    return None


def failing_nodes(jobs: Jobs, lost: Iterable[str]) -> Mapping[str, set[str]]:
    """Nodes on which jobs of the lost runs failed within seconds and none succeeded; these runs."""
    found = defaultdict[str, set[str]](set)
    for key in lost:
        end = end_of(jobs.places[key]) if key in jobs.places else None
        if end and end[0] not in (0, *BY_SIGNAL) and end[1] < QUICK_SECONDS:
            found[end[2]].add(key)
    good = {end[2] for place in jobs.jobs if found and (end := end_of(place)) and end[0] == 0}
    return {node: keys for node, keys in found.items() if node not in good}
