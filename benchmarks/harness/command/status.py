"""The commands `list`, `status`, `logs`, `cancel` and `plan`."""

from argparse import Namespace
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from benchmarks.harness.command.costs import Cost, Costs
from benchmarks.harness.console import say
from benchmarks.harness.errors import UsageError
from benchmarks.harness.launch import slurm_queue
from benchmarks.harness.launch.launchers import processes
from benchmarks.harness.launch.slurm_queue import Jobs, counted, states_of
from benchmarks.harness.spec.run import SETTLED, Run
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.spec.user_data import is_packed, packed_folder
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import TO_TRAIN, tasks, why_again


def list_artefacts(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Prints each artefact with its caption, results and states of runs."""
    jobs = Jobs(options.cache_dir)
    for selection in selections:
        artefact = selection.artefact
        folder = selection.results(options.results_dir, options.cache_dir)
        results = "results there" if (folder / "data.csv").exists() else "no results"
        print(f"{artefact.name:<30} {artefact.caption} ({artefact.place})")
        print(f"{'':<30} {selection.scale} scale: {results}; "
              f"runs: {counted(states_of(selection, store, jobs).values())}")
    return 0


def status(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Prints counts per artefact, then each run that is neither done nor missing."""
    jobs = Jobs(options.cache_dir)
    if jobs.queue_error:
        print(f"warning: what is queued may be over by now: {jobs.queue_error}")
    for selection in selections:
        states = states_of(selection, store, jobs)
        print(f"{selection.artefact.name}, {selection.scale} scale: {counted(states.values())}")
        labels = {entry.run.key: entry.label for entry in reversed(selection.entries())}
        for key, state in states.items():
            if state in ("running", "queued", "failed", "diverged", "lost"):
                error = f" ({store.folder(key).error()})" if state == "failed" else ""
                print(f"  {state:<9} {key}  {labels[key]}{error}{_job(jobs, key, state)}")
    return 0


def _job(jobs: Jobs, key: str, state: str) -> str:
    """A run's cluster job, with SLURM's reason for waiting."""
    place = jobs.places.get(key)
    if place is None or state not in ("queued", "running", "lost"):
        return ""
    job = place.submission.job(place.number)
    if place.queued is None:
        return f", job {job}, which is not in the queue"
    waits = place.queued.state == "PENDING" and place.queued.reason != "None"
    return f", job {job} {place.queued.state}" + (f" ({place.queued.reason})" if waits else "")


def logs(names: list[str], options: Namespace) -> int:
    """Prints the log of the run whose key begins so, and its job's log if it has one."""
    if len(names) != 1:
        raise UsageError("logs takes one run; `bench.py status` names them")
    cache: Path = options.cache_dir
    found = sorted(path for path in (cache / "runs").glob(f"{names[0]}*") if path.is_dir())
    if len(found) != 1:
        raise UsageError(f"{len(found)} runs in {cache / 'runs'} begin with {names[0]!r}; "
                         "`bench.py status` names them")
    (folder,) = found
    place = Jobs(cache).places.get(folder.name)
    texts = [folder / "log.txt"]
    if place:
        job = place.submission.job(place.number)
        texts += sorted(place.submission.folder.glob(f"{job}_*_log.out"))
    for path in filter(Path.exists, texts):
        print(f"==> {path}")
        print(path.read_text(encoding="utf-8", errors="replace").rstrip())
    if not any(map(Path.exists, texts)):
        print(f"run {folder.name} has not begun")
    return 0


def cancel(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Cancels the jobs of the artefacts' unfinished runs; checkpoints stay."""
    jobs = Jobs(options.cache_dir)
    if jobs.queue_error:
        raise UsageError(f"cancel: {jobs.queue_error}")
    asked = tasks([entry for one in selections for entry in one.entries()], store)
    open_keys = {key for key, task in asked.items()
                 if jobs.queued(key) and jobs.state(task) not in (*SETTLED, "failed")}
    places = {jobs.places[key] for key in open_keys}
    ids = sorted({place.queued.job for place in places if place.queued})
    submissions = {place.submission for place in places}
    for submission in submissions:
        submission.drop_jobs_with(open_keys).write()
    try:
        if ids:
            slurm_queue.cancel(*ids)
    except slurm_queue.QueueError as error:
        for submission in submissions:
            submission.write()  # the jobs live on, and stay on record
        raise UsageError(f"cancel: {error}") from None
    print(f"cancelled {len(ids)} jobs with {len(open_keys)} runs that had no outcome yet")
    return 0


def _tell_data(runs: Iterable[Run], options: Namespace, told: set[str]) -> None:
    """Prints what has to be packed and, unless `told`, what is understood of a set that is named.

    Where none is, nothing is looked for: that would import what reads images."""
    root = options.cache_dir / "data"
    sets = {run.packed_name: run for run in runs if is_packed(run)}
    if names := [name for name in sorted(sets) if not packed_folder(root, name).exists()]:
        print(f"  data to be found and packed first: {', '.join(names)}")
    for name, run in sorted(sets.items()) if options.paths or options.data_dir else ():
        if name not in told and not run.data_digest:  # the user's own is shown by now
            from benchmarks.harness.data.packed import foreseen  # numpy
            say(f"  {foreseen(run, root, options.data_dir, options.paths)}")
            told.add(name)


def plan(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Prints the runs that would be trained, shared runs and costs; trains nothing."""
    costs, jobs = Costs(selections, options), Jobs(options.cache_dir)
    jobs_on = partial(processes, options=options)
    planned, told = set[str](), set[str]()
    declared, total = 0, Cost()
    for selection in selections:
        entries = {entry.run.key: entry for entry in selection.entries()}
        states = states_of(selection, store, jobs)
        wanted = {*TO_TRAIN, "failed"} if options.retry_failed else set(TO_TRAIN)
        todo = {key for key in entries if options.rerun or states[key] in wanted}
        lacking = {key for key in entries if states[key] == "unmeasured" and not options.rerun}
        shared = planned & todo
        name = selection.artefact.name
        cost = sum((costs.of(name, entries[key], to_train=key in todo)
                    for key in entries if key not in planned and key in todo | lacking), Cost())
        print(f"{name}, {selection.scale} scale: {len(entries)} runs "
              f"({len(selection.arms)} arms, {selection.seeds} seeds): {counted(states.values())}")
        print(f"  to train: {len(todo)}, of which shared with an artefact above: {len(shared)}")
        for line in why_again(states.values()):
            print(line)
        if lacking:
            print(f"  trained, and to be measured: {len(lacking)}")
        _tell_data({entries[key].run for key in todo | lacking}, options, told)
        print(f"  {cost.told(jobs_on) if cost != Cost() else 'nothing to add'}")
        planned |= todo
        declared, total = declared + len(entries), total + cost
    if len(selections) > 1:
        print(f"all: {declared} runs declared, {len(planned)} distinct ones to train"
              + (f"; {total.told(jobs_on)}" if total != Cost() else ""))
    return 0
