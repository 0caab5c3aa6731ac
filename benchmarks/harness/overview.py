"""`list`, `plan` and `status`: what there is, what is missing, how long that takes."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable
import json
from pathlib import Path
from statistics import StatisticsError, mean

from benchmarks.harness.errors import UsageError
from benchmarks.harness.selection import Entry, Selection
from benchmarks.harness.store import Store
from benchmarks.harness.task import STATES, TO_TRAIN, tasks


def _counted(states: Iterable[str]) -> str:
    counts = Counter(states)
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])


def _states(selection: Selection, store: Store) -> dict[str, str]:
    """State by key of the selection's distinct runs."""
    asked = tasks(selection.entries(), store)
    return {key: task.state() for key, task in asked.items()}


def list_artefacts(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Each artefact, what it shows, its results and its runs in the store."""
    for selection in selections:
        artefact = selection.artefact
        folder = selection.results(options.results_dir.resolve(), options.cache_dir.resolve())
        results = "results there" if (folder / "data.csv").exists() else "no results"
        print(f"{artefact.name:<30} {artefact.caption} ({artefact.place})")
        print(f"{'':<30} {selection.scale} scale: {results}; "
              f"runs: {_counted(_states(selection, store).values())}")
    return 0


def plan(selections: list[Selection], store: Store, options: Namespace) -> int:
    """What the command without `plan` would train; trains nothing."""
    planned: set[str] = set()
    for selection in selections:
        entries = {entry.run.key: entry for entry in selection.entries()}
        states = _states(selection, store)
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
    path = results / "provenance.json"
    if not path.exists():
        return "time and disk: not known, no run of this artefact has been measured yet"
    try:
        measured = _measured(path)
    except (ValueError, KeyError, TypeError, StatisticsError):
        raise UsageError(f"{path} is corrupt; restore it with git checkout, or remove it") from None
    seconds = sum(entry.run.steps * _typical(measured, entry, "seconds") for entry in todo)
    seconds += sum(_typical(measured, entry, "measuring") for entry in (*todo, *lacking))
    total = seconds / 60
    disk = sum(_typical(measured, entry, "bytes") for entry in todo) / 2**20
    return (f"about {total:.1f} core-minutes, {total / jobs:.1f} minutes on {jobs} processes, and "
            f"{disk:.1f} MiB of disk, as measured in {path}")


def _measured(provenance: Path) -> dict[str, dict[str, float]]:
    """Mean seconds per step and for measuring, and bytes, by arm, of the runs behind results."""
    content = json.loads(provenance.read_text())
    runs: dict[str, list[dict[str, float]]] = {}
    for run in content["runs"].values():
        run = content["shared"] | run
        runs.setdefault(run["arm"], []).append(
            {"seconds": run["train_seconds"] / run["steps"], "bytes": run["disk_bytes"],
             "measuring": run.get("measure_seconds", 0.0)})
    return {arm: {name: mean(run[name] for run in measured) for name in measured[0]}
            for arm, measured in runs.items()}


def _typical(measured: dict[str, dict[str, float]], entry: Entry, name: str) -> float:
    """The arm's own measurement, or the mean over all arms for an arm that has none."""
    if entry.arm.name in measured:
        return measured[entry.arm.name][name]
    return mean(values[name] for values in measured.values())


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
