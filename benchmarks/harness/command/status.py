"""`list` and `status`: what there is, and how far it is."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable

from benchmarks.harness.launch.submissions import Jobs
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import STATES, tasks


def counted(states: Iterable[str]) -> str:
    """How many there are of each."""
    counts = Counter(states)
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])


def states_of(selection: Selection, store: Store, jobs: Jobs) -> dict[str, str]:
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
              f"runs: {counted(states_of(selection, store, jobs).values())}")
    return 0


def status(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Counts per artefact, then each run that is not simply done or missing."""
    jobs = Jobs(options.cache_dir.resolve())
    if jobs.silence:
        print(f"warning: what is queued may be over by now: {jobs.silence}")
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
    """The job of a run that is on a cluster, and in SLURM's words what it waits for."""
    place = jobs.places.get(key)
    if place is None or state not in ("queued", "running", "lost"):
        return ""
    job = place.submission.job(place.number)
    if place.queued is None:
        return f", job {job}, which is not in the queue"
    waits = place.queued.state == "PENDING" and place.queued.reason != "None"
    return f", job {job} {place.queued.state}" + (f" ({place.queued.reason})" if waits else "")
