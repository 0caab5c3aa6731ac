"""The `slurm` launcher: submits runs as job arrays, and follows them with --wait."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
import time
from typing import TypeVar

from benchmarks.harness.errors import UsageError
from benchmarks.harness.launch.options import Options
from benchmarks.harness.launch.progress import POLL_SECONDS, Progress
from benchmarks.harness.slurm import queue
from benchmarks.harness.slurm.jobs import Jobs
from benchmarks.harness.slurm.nodes import advice, failing_nodes, is_held, release
from benchmarks.harness.slurm.queue import QueueError, RefusedError
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.store import lease
from benchmarks.harness.store.task import Task

LOOK_SECONDS, LONGEST_LOOK = 30.0, 300.0  # between two questions to the queue, at first and later
LIVES = 2  # submissions of a followed run: if its job vanishes, it is submitted again
ON_THE_WAY = ("queued", "running")
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)  # with --wait, before the queue is asked again


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Excludes other commands inside, so that the next one finds our jobs queued."""
    root.mkdir(parents=True, exist_ok=True)
    attempts = count(1)
    while (held := lease.acquire(root)) is None:
        if next(attempts) == PATIENCE:
            print(_who_submits(root), flush=True)
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        held.release()


PATIENCE = 10  # attempts before it is told who submits


def _who_submits(root: Path) -> str:
    claim = lease.latest(root)[1]
    owner = lease.owner_of(claim) if claim else None
    if claim is None or owner is None:
        return "waiting for another command, which submits from this cache"
    until = lease.HEARTBEAT_SECONDS * lease.MISSED_HEARTBEATS
    return (f"waiting for process {owner.pid} on {owner.host}, which submits from this cache; its "
            f"last sign of life is {max(0.0, lease.silence(claim)):.0f} s old (at {until:.0f} s, "
            "it counts as dead)")


class NoAnswerError(UsageError):
    """SLURM does not answer for now."""


def _answered(cache: Path, absences: dict[Path, float] | None, delays: Sequence[float]) -> Jobs:
    """The jobs by an answer of the queue; raises NoAnswerError after a last delay without one."""
    jobs = Jobs(cache, absences)
    for delay in delays if jobs.queue_error else ():
        time.sleep(delay)
        jobs = Jobs(cache, absences)
        if not jobs.queue_error:
            break
    if jobs.queue_error:
        raise NoAnswerError(f"--cluster slurm: {jobs.queue_error}")
    return jobs


def submit(
    tasks: list[Task], options: Options, seen: Jobs, absences: dict[Path, float] | None = None
) -> set[str]:
    """Submits the tasks that nobody works on and no job is queued for; returns their keys.

    `seen`: the jobs as they were a moment ago. Prints a line if SLURM takes no more for now. Raises
    UsageError if it refuses, NoAnswerError if it does not answer."""
    slurm = options.slurm
    if not seen.queue_error and not any(map(seen.needs_submitting, tasks)) and not is_held(seen):
        with suppress(OSError):  # where nothing can be written, there is nothing to do either
            seen.tidy(tasks[0].folder)
        return set()
    with _alone(slurm.cache / "slurm"):
        jobs = _answered(slurm.cache, absences, RETRY_SECONDS if slurm.wait else ())
        for task in tasks:
            task.folder.look_again()
        todo = {task.folder.key: task for task in tasks if jobs.needs_submitting(task)}
        for line in advice(jobs, todo):
            print(line, flush=True)
        release(jobs, slurm.own.get("exclude", ""))
        jobs.tidy(tasks[0].folder)
        if not todo:
            return set()
        for task in todo.values():
            jobs.take_from_dead(task)
        try:
            size = queue.site().array_size
        except QueueError as error:
            raise NoAnswerError(f"--cluster slurm: {error}") from None
        if names := queue.ignored(slurm.own):
            print(f"note: {', '.join(names)} has no effect; use --slurm, such as account=NAME")
        if failing := failing_nodes(jobs, todo):
            with suppress(RefusedError):  # there may be no other node
                return _send(todo, size, _without(options, failing))
        return _send(todo, size, options)


def _without(options: Options, nodes: Iterable[str]) -> Options:
    """The options with nodes excluded, besides those that the user excludes."""
    slurm = options.slurm
    exclude = ",".join(filter(None, [slurm.own.get("exclude"), *sorted(nodes)]))
    return replace(options, slurm_options=replace(
        slurm, own={**slurm.own, "exclude": exclude}))


def _send(todo: dict[str, Task], size: int, options: Options) -> set[str]:
    """Submits arrays of up to `size` jobs; returns the keys of the runs that SLURM took."""
    from benchmarks.harness.slurm.sbatch import BusyError, submit_array  # submitit
    slurm, sent_keys, left = options.slurm, set[str](), len(todo)
    for array in chunks(group_runs(list(todo), slurm.seconds, slurm.runs_per_job), size):
        try:
            sent = submit_array([[todo[key] for key in job] for job in array], options)
        except BusyError as error:
            print(f"{left} of {len(todo)} runs are not submitted yet ({error}); "
                  "the same command submits them", flush=True)
            return sent_keys
        sent_keys.update(key for job in array for key in job)
        number = sum(map(len, array))
        left -= number
        print(f"submitted: job {sent.array}, {len(array)} tasks for {number} runs", flush=True)
    return sent_keys


def train_on_slurm(tasks: list[Task], options: Options, progress: Progress) -> None:
    """With --wait, follows the jobs until all runs are settled; Ctrl-C detaches."""
    if not options.slurm.wait:
        return
    try:
        _follow({task.folder.key: task for task in tasks}, options, progress)
    except KeyboardInterrupt:
        print("\nno longer followed; the jobs go on (bench.py cancel NAME ends them)", flush=True)


def _follow(waiting: dict[str, Task], options: Options, progress: Progress) -> None:
    sent = Counter[str]()  # how often, as far as this command knows
    placed, absences, pause = set[str](), dict[Path, float](), LOOK_SECONDS
    burnt = defaultdict[str, set[str]](set)  # nodes that failed its jobs within seconds, by run
    while waiting:
        lease.read_clock(options.slurm.cache)
        # before the states: a job that left has stored its own
        jobs = Jobs(options.slurm.cache, absences)
        for task in waiting.values():
            task.folder.look_again()
        for line in advice(jobs, ()):
            print(line, flush=True)
        release(jobs, options.slurm.own.get("exclude", ""))
        states = {key: jobs.state(task) for key, task in waiting.items()}
        lost = [key for key, state in states.items() if state not in (*SETTLED, *ON_THE_WAY)]
        for node, keys in failing_nodes(jobs, lost).items():
            for key in keys:
                burnt[key].add(node)
        cancelled = placed - jobs.places.keys()  # by another command
        placed = waiting.keys() & jobs.places.keys()
        sent.update(key for key in placed if not sent[key])
        for key, state in states.items():
            given_up = state not in ON_THE_WAY and (
                sent[key] >= LIVES + min(len(burnt[key]), LIVES) or key in cancelled)
            if state in (*SETTLED, "failed") or given_up:
                progress.finished(waiting.pop(key).folder, state)
        idle = [waiting[key] for key in waiting if states[key] not in ON_THE_WAY]
        if idle and not jobs.queue_error:
            with suppress(NoAnswerError):  # not now
                # without those that SLURM does not take yet
                sent.update(submit(idle, options, jobs, absences))
        counts = Counter(states[key] for key in waiting)
        progress.described(", ".join(f"{counts[state]} {state}" for state in ON_THE_WAY))
        if waiting:
            time.sleep(pause)
            pause = min(LONGEST_LOOK, pause * 1.2)


JOB_SECONDS = 1800.0  # a job is worth its start from here on
T = TypeVar("T")


def group_runs(
    keys: Sequence[str], seconds: Mapping[str, float], per_job: int | None
) -> list[tuple[str, ...]]:
    """The runs of each job, in order.

    `per_job` of them; or as many as are estimated to take JOB_SECONDS together, which is one
    without an estimate in `seconds`."""
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
    """The items in tuples of `size`; the last one may be shorter."""
    return [tuple(items[k:k + size]) for k in range(0, len(items), size)]
