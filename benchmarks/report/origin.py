"""Where the numbers of the page came from: versions, machines, commits, and what they cost."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness.errors import UsageError

NAMES = ("python", "platform", "processor", "device", "gpu", "path", "precision")


class Cost(NamedTuple):
    """Of distinct runs: time of training and measuring, in seconds, as those processes saw it."""

    runs: int
    train_seconds: float
    measure_seconds: float


def provenance(folder: Path) -> dict[str, Any]:
    """The folder's provenance.json; empty where there is none, UsageError if it is corrupt."""
    path = folder / "provenance.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UsageError(f"{path} is corrupt ({error}); restore it with git checkout") from None
    return found


def runs_of(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By key, each run's own entries and those that all share."""
    return {key: {**found.get("shared", {}), **run} for key, run in found.get("runs", {}).items()}


def cost(provenances: Iterable[Mapping[str, Any]]) -> Cost:
    """Of all runs, each counted once however many artefacts show it."""
    trained: dict[str, float] = {}
    measured: dict[tuple[str, str], float] = {}
    for found in provenances:
        for key, run in runs_of(found).items():
            trained[key] = run.get("train_seconds", 0.0)
            for name, measure in run.get("measures", {}).items():
                measured[key, name] = measure["seconds"]
    return Cost(len(trained), sum(trained.values()), sum(measured.values()))


def environment(provenances: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Entry of the environment -> its values -> whose runs had it; `provenances`: by results."""
    table: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, found in provenances.items():
        for run in runs_of(found).values() or [found]:
            packages = {f"package {key}": value for key, value in run.get("packages", {}).items()}
            told = {key: run.get(key) for key in NAMES} | packages | {"commit": run.get("commit")}
            for key, value in told.items():
                if value is not None and name not in table[key][str(value)]:
                    table[key][str(value)].append(name)
    return {key: dict(value) for key, value in table.items()}
