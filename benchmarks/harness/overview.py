"""`list`, `plan` and `status`: what there is, what is missing, how long that takes."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.harness.estimates import Estimates
from benchmarks.harness.selection import Entry, Selection
from benchmarks.harness.store import Store
from benchmarks.harness.submissions import Jobs
from benchmarks.harness.task import STATES, TO_TRAIN, tasks


def _counted(states: Iterable[str]) -> str:
    counts = Counter(states)
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])


def _states(selection: Selection, store: Store, jobs: Jobs) -> dict[str, str]:
    """State by key of the selection's distinct runs."""
    asked = tasks(selection.entries(), store)
    return {key: jobs.state(task) for key, task in asked.items()}


def list_artefacts(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Each artefact, what it shows, its results and its runs in the store."""
    jobs = Jobs(options.cache_dir.resolve())
    for selection in selections:
        artefact = selection.artefact
        folder = selection.results(options.results_dir.resolve(), options.cache_dir.resolve())
        results = "results there" if (folder / "data.csv").exists() else "no results"
        print(f"{artefact.name:<30} {artefact.caption} ({artefact.place})")
        print(f"{'':<30} {selection.scale} scale: {results}; "
              f"runs: {_counted(_states(selection, store, jobs).values())}")
    return 0


def plan(selections: list[Selection], store: Store, options: Namespace) -> int:
    """What the command without `plan` would train; trains nothing."""
    planned: set[str] = set()
    jobs = Jobs(options.cache_dir.resolve())
    for selection in selections:
        entries = {entry.run.key: entry for entry in selection.entries()}
        states = _states(selection, store, jobs)
        wanted = {*TO_TRAIN, "failed"} if options.retry_failed else set(TO_TRAIN)
        todo = [entry for key, entry in entries.items() if options.rerun or states[key] in wanted]
        shared = [entry for entry in todo if entry.run.key in planned]
        planned |= {entry.run.key for entry in todo}
        print(f"{selection.artefact.name}, {selection.scale} scale: {len(entries)} runs "
              f"({len(selection.arms)} arms, {selection.seeds} seeds): {_counted(states.values())}")
        print(f"  to train: {len(todo)}, of which shared with an artefact above: {len(shared)}")
        if again := sum(state == "uncharted" for state in states.values()):
            print(f"  of these trained already, but without a curve that is wanted now: {again}")
        lacking = [entry for key, entry in entries.items()
                   if states[key] == "unmeasured" and not options.rerun]
        if lacking:
            print(f"  trained, and to be measured: {len(lacking)}")
        folder = selection.results(options.results_dir.resolve(), options.cache_dir.resolve())
        print(f"  {_cost(todo, lacking, folder, options.jobs)}")
    return 0


def _cost(todo: list[Entry], lacking: list[Entry], results: Path, jobs: int) -> str:
    """Time and disk from what runs of the same arms took, and where that was measured."""
    if not todo and not lacking:
        return "nothing to do"
    known = Estimates.read(results)
    if known is None:
        return "time and disk: not known, no run of this artefact has been measured yet"
    seconds = sum(known.training(entry) for entry in todo)
    seconds += sum(known.measuring(entry) for entry in (*todo, *lacking))
    total = seconds / 60
    disk = sum(known.disk(entry) for entry in todo) / 2**20
    return (f"about {total:.1f} core-minutes, {total / jobs:.1f} minutes on {jobs} processes, and "
            f"{disk:.1f} MiB of disk, as measured in {known.path}")


def status(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Counts per artefact, then each run that is not simply done or missing."""
    jobs = Jobs(options.cache_dir.resolve())
    if jobs.silence:
        print(f"warning: what is queued may be over by now: {jobs.silence}")
    for selection in selections:
        states = _states(selection, store, jobs)
        print(f"{selection.artefact.name}, {selection.scale} scale: {_counted(states.values())}")
        labels = {entry.run.key: entry.label for entry in reversed(selection.entries())}
        for key, state in states.items():
            if state in ("running", "queued", "failed", "diverged", "lost"):
                error = f" ({store.folder(key).error()})" if state == "failed" else ""
                print(f"  {state:<9} {key}  {labels[key]}{error}{_job(jobs, key, state)}")
    return 0


def _job(jobs: Jobs, key: str, state: str) -> str:
    """The job of a run that is on a cluster, and in SLURM's words what it waits for."""
    place = jobs.places.get(key)
    if place is None or state not in ("queued", "running", "lost"):
        return ""
    job = place.submission.job(place.number)
    if place.queued is None:
        return f", job {job}, which is not in the queue"
    waits = place.queued.state == "PENDING" and place.queued.reason != "None"
    return f", job {job} {place.queued.state}" + (f" ({place.queued.reason})" if waits else "")
