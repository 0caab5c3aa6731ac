"""Runs of other machines: each is checked, compared with ours, and stored."""

from collections.abc import Callable, Mapping
from functools import partial
import json
from math import inf, isfinite
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.artefact import Curve
from benchmarks.harness.spec.hyperparameters import UserMethod
from benchmarks.harness.spec.run import SETTLED, Run
from benchmarks.harness.store import lease
from benchmarks.harness.store.archive import WEIGHTS, Files
from benchmarks.harness.store.files import discard, write_if_changed
from benchmarks.harness.store.run_folder import (
    RunFolder,
    digest_of,
    intact_measurement,
    is_unbroken,
)


class DisagreementError(UsageError):
    """The run has another outcome here."""


class Outcome(NamedTuple):
    """A finished run that is whole; to read damaged weights raises UsageError."""

    run: Run
    result: dict[str, Any]
    measures: dict[str, dict[str, Any]]  # by id
    files: Files  # all that belong to it


def checked(key: str, files: Files) -> Outcome:
    """The outcome in a run's files; raises UsageError, in a few words, unless it is whole.

    Its key must be the hash of its own fields; its rows, curves and measures must be complete and
    their files those that the digests name. Weights may be missing."""
    run = _run(key, files)
    result, provenance = (_read(files, f"{name}.json") for name in ("result", "provenance"))
    _refuse_faults("result.json", partial(_faults_of_result, run, result))
    _refuse_faults("provenance.json", lambda: _faults_of_provenance(provenance))
    ids = sorted(name.removeprefix("measures/").removesuffix(".json") for name in files
                 if name.startswith("measures/") and name.endswith(".json"))
    measures = {id: _measure(id, files) for id in ids}
    belonging = {"spec.json", "result.json", "provenance.json", "log.txt", "method.py",
                 *(name for id in ids for name in _names(id, measures[id]))}
    kept = {name: read for name, read in files.items() if name in belonging}
    digests = {path.name: digest for path, digest in
               RunFolder(Path(key)).weights_named(result).items()}
    for name in filter(WEIGHTS.fullmatch, files):
        if name not in digests:
            raise UsageError(f"{name} is not named by its outcome")
        kept[name] = partial(_weights, name, files[name], digests[name])
    return Outcome(run, result, measures, kept)


def _run(key: str, files: Files) -> Run:
    try:
        run = Run.from_fields(_read(files, "spec.json"))
        found = run.key
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UsageError("spec.json does not describe a run") from None
    if found != key:
        raise UsageError(f"spec.json describes the run {found}")
    own = run.revision.startswith("sha256:")
    text = files["method.py"]().decode(errors="replace") if "method.py" in files else None
    if own != (text is not None) or (
            text is not None and UserMethod(run.method, text, {}).revision != run.revision):
        raise UsageError("method.py is not the method of its run")
    return run


def _read(files: Files, name: str) -> dict[str, Any]:
    try:
        content = json.loads(files[name]())
    except (KeyError, FileNotFoundError):
        raise UsageError(f"{name} is missing") from None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise UsageError(f"{name} cannot be read")
    return content


def _refuse_faults(name: str, faults: Callable[[], Mapping[str, bool]]) -> None:
    try:
        found = [fault for fault, holds in faults().items() if holds]
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        found = ["an entry is missing or of another kind"]
    if found:
        raise UsageError(f"{name}: {found[0]}")


def _faults_of_result(run: Run, result: dict[str, Any]) -> dict[str, bool]:
    rows, done = result["rows"], result["status"] == "done"
    losses = [{name for name in row if name.startswith("train_")} for row in rows[1:]]
    last = rows[-1] if rows else {}
    arrived = run.stop_at is not None and last.get("train_reconstruction", inf) <= run.stop_at
    snapshots = {str(epoch) for epoch in run.snapshots or () if epoch < len(rows)}
    step = result["diverged_step"]
    return {
        "it is not as its digest says": not is_unbroken(result),
        "its status is unknown": result["status"] not in SETTLED or (
            step is not None if done else not 0 <= step < run.steps),
        "it lacks epochs": [row["epoch"] for row in rows] != list(range(len(rows))) or (
            done and len(rows) != run.epochs + 1 and not arrived) or len(rows) > run.epochs + 1,
        "it lacks losses": any(not names or names != losses[0] for names in losses),
        "it lacks points of a curve": any(
            column not in row for id, columns in result["curves"].items() for row in rows
            if _is_due(id, row["epoch"], run.epochs) for column in columns),
        "a value is not a finite number": not all(map(_are_numbers, rows)),
        "it names other weights": result["snapshots"].keys() != snapshots or any(
            len(digest) != 64 for digest in (result["model"], *result["snapshots"].values())),
        "it lacks the encoder": "encoder" not in result["parameters"]
        or not _are_numbers(result["parameters"])}


def _is_due(curve: str, epoch: int, last: int) -> bool:
    return Curve("", every=int(curve.rpartition("/")[2])).is_due(epoch, last)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and isfinite(value)


def _are_numbers(values: Mapping[str, object]) -> bool:
    return all(map(_is_number, values.values()))


def _faults_of_provenance(found: dict[str, Any]) -> dict[str, bool]:
    costs = [found[name] for name in ("train_seconds", "steps", "disk_bytes")]
    names = found["commit"], found["local_edits"]
    return {"a cost is not a number": not all(_is_number(value) and value >= 0 for value in costs),
            "it names no commit": any(not isinstance(name, str | None) for name in names)}


def _measure(id: str, files: Files) -> dict[str, Any]:
    found = intact_measurement(id, lambda name: files[name]())
    if found is None:
        raise UsageError(f"measure {id} is damaged, or its files are")
    _refuse_faults(f"measure {id}", lambda: {
        "a value is not a finite number": not _are_numbers(found["numbers"]),
        "its cost is not a number": not _is_number(found["provenance"]["seconds"])})
    return found


def _names(id: str, measure: Mapping[str, Any]) -> list[str]:
    """The files of a measure; its numbers, which name the others, come last."""
    return [f"measures/{id}.{name}" for name in (*measure["files"], "json")]


def _weights(name: str, read: Callable[[], bytes], digest: str) -> bytes:
    data = read()
    if digest_of(data) != digest:
        raise UsageError(f"{name} is not as its digest says")
    return data


def take(theirs: Outcome, ours: RunFolder) -> str:
    """Stores what we lack of an outcome; returns in words what came of it.

    Raises DisagreementError, which names the first difference, if the run has another outcome here:
    ours stays. UsageError, and stores nothing, if ours or their weights are damaged."""
    data = {name: theirs.files[name]() for name in _lacking(theirs, ours)}
    if not data:
        return "here already"
    ours.path.mkdir(parents=True, exist_ok=True)
    held = lease.acquire(ours.path)
    if held is None:
        return "being trained here"
    try:
        known = ours.is_finished()
        if not known:
            discard(ours.path / "measures")
        for name in _lacking(theirs, ours):  # another command may have been faster
            write_if_changed(ours.path / name, data[name])
        ours.clear_error()
        ours.remove_spent()
    finally:
        held.release()
    return "completed" if known else "taken"


def _lacking(theirs: Outcome, ours: RunFolder) -> list[str]:
    """What to store, in that order: the outcome makes the run count, measures count after it."""
    measures = [name for id, measure in theirs.measures.items() for name in _names(id, measure)]
    if not ours.is_finished():
        first = sorted(theirs.files.keys() - {*measures, "result.json"})
        return [*first, "result.json", *measures]
    result = ours.result()
    if found := difference(result, theirs.result):
        raise DisagreementError(found)
    lacking = [name for name in sorted(theirs.files)
               if WEIGHTS.fullmatch(name) and not (ours.path / name).exists()]
    if theirs.result["curves"].keys() > result["curves"].keys():
        lacking += ["provenance.json", "result.json"]
    for id, measure in theirs.measures.items():
        here = intact_measurement(id, lambda name: (ours.path / name).read_bytes())
        if here is None:
            lacking += _names(id, measure)
        elif found := _first_difference(here["numbers"], measure["numbers"]):
            raise DisagreementError(f"{found}, measured by {id}")
    return lacking


def difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str | None:
    """The first difference of two outcomes, in words; curves that only one has are none."""
    for name in ("status", "diverged_step"):
        if ours[name] != theirs[name]:
            return f"{name} is {ours[name]} here and {theirs[name]} there"
    if len(ours["rows"]) != len(theirs["rows"]):
        return f"it has {len(ours['rows'])} epochs here and {len(theirs['rows'])} there"
    for here, there in zip(ours["rows"], theirs["rows"], strict=True):
        if found := _first_difference(here, there):
            return f"{found}, in epoch {here['epoch']}"
    same = all(ours[name] == theirs[name] for name in ("model", "snapshots", "parameters"))
    return None if same else "it has the same numbers, but other weights"


def _first_difference(ours: Mapping[str, float], theirs: Mapping[str, float]) -> str | None:
    for name in sorted(ours.keys() & theirs.keys()):
        if ours[name] != theirs[name]:
            return f"{name} is {ours[name]:.9g} here and {theirs[name]:.9g} there"
    return None
