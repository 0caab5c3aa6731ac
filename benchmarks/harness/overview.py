"""`list`, `plan` and `status`: what there is, what is missing, how long that takes."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable
import json
from pathlib import Path
from statistics import median

from benchmarks.harness.selection import Entry, Selection
from benchmarks.harness.store import STATES, Store


def _counted(states: Iterable[str]) -> str:
    counts = Counter(states)
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])


def _states(selection: Selection, store: Store) -> dict[str, str]:
    """State by key of the selection's distinct runs."""
    return {entry.run.key: store.folder(entry.run.key).state() for entry in selection.entries()}


def list_artefacts(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Each artefact, what it shows, its results and its runs in the store."""
    for selection in selections:
        artefact = selection.artefact
        folder = selection.results(options.results_dir.resolve(), options.cache_dir.resolve())
        results = "results there" if (folder / "data.csv").exists() else "no results"
        print(f"{artefact.name:<16} {artefact.caption} ({artefact.place})")
        print(f"{'':<16} {selection.scale} scale: {results}; "
              f"runs: {_counted(_states(selection, store).values())}")
    return 0


def plan(selections: list[Selection], store: Store, options: Namespace) -> int:
    """What the command without `plan` would train; trains nothing."""
    planned: set[str] = set()
    for selection in selections:
        entries = {entry.run.key: entry for entry in selection.entries()}
        states = _states(selection, store)
        todo = [entry for key, entry in entries.items() if states[key] in ("missing", "lost")]
        shared = [entry for entry in todo if entry.run.key in planned]
        planned |= {entry.run.key for entry in todo}
        print(f"{selection.artefact.name}, {selection.scale} scale: {len(entries)} runs "
              f"({len(selection.arms)} arms, {selection.seeds} seeds): {_counted(states.values())}")
        print(f"  to train: {len(todo)}, of which shared with an artefact above: {len(shared)}")
        folder = selection.results(options.results_dir.resolve(), options.cache_dir.resolve())
        print(f"  {_cost(todo, store, folder, options.jobs)}")
    return 0


def _cost(todo: list[Entry], store: Store, results: Path, jobs: int) -> str:
    """Time from measured seconds per step of the same method and batch, and who measured them."""
    if not todo:
        return "nothing to do"
    seconds, origin = _seconds_per_step(store, results)
    if not seconds:
        return "time: not known, no run of this artefact has been measured yet"
    typical = median(seconds.values())
    total = sum(entry.run.steps * seconds.get(entry.arm.name, typical) for entry in todo)
    return (f"time: about {total / 60:.1f} core-minutes, {total / 60 / jobs:.1f} minutes on {jobs} "
            f"processes, from step times measured in {origin}")


def _seconds_per_step(store: Store, results: Path) -> tuple[dict[str, float], str]:
    """Median seconds per step by arm, from the provenance of the results that are there."""
    path = results / "provenance.json"
    if not path.exists():
        return {}, ""
    content = json.loads(path.read_text())
    times: dict[str, list[float]] = {}
    for run in content["runs"].values():
        run = content["shared"] | run
        times.setdefault(run["arm"], []).append(run["train_seconds"] / run["steps"])
    return {arm: median(values) for arm, values in times.items()}, str(path)


def status(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Counts per artefact, then each run that is running, failed, diverged or lost."""
    for selection in selections:
        states = _states(selection, store)
        print(f"{selection.artefact.name}, {selection.scale} scale: {_counted(states.values())}")
        labels = {entry.run.key: entry.label for entry in reversed(selection.entries())}
        for key, state in states.items():
            if state in ("running", "failed", "diverged", "lost"):
                error = f" ({store.folder(key).error()})" if state == "failed" else ""
                print(f"  {state:<9} {key}  {labels[key]}{error}")
    return 0
