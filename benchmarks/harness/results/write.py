"""Writes a results folder from stored runs: tables, figure, exhibits, provenance."""

from collections.abc import Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from benchmarks.harness.errors import UsageError
from benchmarks.harness.results.read import read_table
from benchmarks.harness.results.reuse import Reused
from benchmarks.harness.results.rows import collect, read_csv, runs_csv
from benchmarks.harness.spec.artefact import DataFrame, exhibit_stem
from benchmarks.harness.spec.claims import Claim
from benchmarks.harness.spec.selection import PlannedRun, Selection
from benchmarks.harness.store import files
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import Task, tasks

PICTURES = ("figure.png", "figure.pdf", "figure.svg")


def publish(selection: Selection, store: Store, folder: Path, held: Reused | None = None) -> str:
    """Brings the folder's files up to date with the store; returns the text of claims.csv.

    `held`: outcomes of another results folder, which the store need not have.
    data.csv is written last: while it is old, everything that depends on it is made again."""
    held = held or Reused(folder)
    runs = runs_csv(collect(selection, store, held.rows))
    rows = read_csv(runs)
    data = selection.artefact.table(rows).to_csv(index=False, lineterminator="\n")
    claims = judged(rows, selection.claims, folder)
    files.remove_leftovers(folder)
    target = folder / "data.csv"
    write_exhibits(selection.entries(), store, folder, held.exhibits)
    for name, made_of in selection.artefact.texts.items():  # the figure may read them
        files.write_if_changed(folder / name, made_of(rows).encode())
    drawn = all((folder / name).exists() for name in PICTURES)
    if not drawn or not target.exists() or target.read_bytes() != data.encode():
        draw(selection.artefact.figure, data, folder)
    files.write_if_changed(folder / "runs.csv", runs.encode())
    files.write_if_changed(folder / "claims.csv", claims.encode())
    write_provenance(selection, store, folder, held.provenance)
    files.write_if_changed(target, data.encode())
    return claims


def judged(rows: DataFrame, claims: Iterable[Claim], folder: Path) -> str:
    """The text of claims.csv; the noise of single seeds may come from the folders beside it."""
    from benchmarks.harness.analysis.verdicts import judge
    lends = str(rows["scale"].iloc[0]) != "smoke"  # where numbers have no meaning
    found = judge(rows, claims, cache(partial(_beside, folder)) if lends else dict)
    return found.to_csv(index=False, lineterminator="\n")


def _beside(folder: Path) -> dict[str, DataFrame]:
    """Rows of the other artefacts at the same scale; a corrupt file costs a warning."""
    found = {}
    for path in sorted(folder.parent.glob("*/runs.csv")):
        if path.parent != folder:
            try:
                read_table(path)
            except UsageError as error:
                print(f"warning: {error}")
            else:
                found[path.parent.name] = read_csv(path.read_text(encoding="utf-8"))
    return found


def judge_again(selection: Selection, folder: Path) -> str:
    """Writes claims.csv anew from the folder's runs.csv; returns its text."""
    rows = read_csv((folder / "runs.csv").read_text(encoding="utf-8"))
    claims = judged(rows, selection.claims, folder)
    files.write_if_changed(folder / "claims.csv", claims.encode())
    return claims


def draw(name: str, data: str, folder: Path) -> None:
    """Writes the PICTURES of data.csv and the folder's exhibits; same table, same bytes.

    Raises OSError, ValueError, KeyError or SyntaxError if one of them is missing or damaged."""
    from figures import FIGURES
    from figures.saving import saved
    figure = FIGURES[name](read_csv(data), folder)
    for file in PICTURES:
        files.write_atomically(folder / file, saved(figure, Path(file).suffix[1:]))


EXHIBIT_FOLDERS = {".csv": "points", ".png": "tiles"}


def write_exhibits(
    entries: Iterable[PlannedRun], store: Store, folder: Path,
    reused: Mapping[str, Mapping[str, bytes]],
) -> None:
    """Brings points/ and tiles/ up to date with the store; an outdated figure is removed first."""
    wanted: dict[Path, bytes] = {}
    for entry in entries:
        stem = exhibit_stem(entry.arm.name, entry.run.seed)
        found = dict(reused.get(entry.run.key, {}))
        for measure in entry.measures if entry.run.key not in reused else ():
            found |= store.folder(entry.run.key).measurement_files(measure)
        for name, data in found.items():
            wanted[folder / EXHIBIT_FOLDERS[Path(name).suffix] / f"{stem}.{name}"] = data
    there: set[Path] = set()
    for place in (folder / name for name in EXHIBIT_FOLDERS.values()):
        files.remove_leftovers(place)
        there |= set(place.glob("[!.]*"))  # another command is writing those with a dot
    if there == set(wanted) and all(_has_content(path, data) for path, data in wanted.items()):
        return
    (folder / "figure.png").unlink(missing_ok=True)  # so that it is drawn, even after a kill
    for path in there - set(wanted):
        path.unlink(missing_ok=True)
    for path, data in wanted.items():
        files.write_if_changed(path, data)


def _has_content(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except FileNotFoundError:  # another command is at it
        return False


def write_provenance(
    selection: Selection, store: Store, folder: Path, reused: Mapping[str, dict[str, Any]]
) -> None:
    """Writes provenance.json: per run its origin; what all runs share is under `shared`."""
    runs: dict[str, dict[str, Any]] = {}
    asked = tasks(selection.entries(), store)
    for entry in selection.entries():
        task = asked[entry.run.key]
        if entry.run.key in reused:
            runs[entry.run.key] = reused[entry.run.key]
        elif task.folder.is_finished():
            runs[entry.run.key] = {"arm": entry.arm.name, "seed": entry.run.seed,
                                   **_run_provenance(task)}
    each = list(runs.values())
    shared = {name: value for name, value in each[0].items()
              if all(run.get(name) == value for run in each)} if each else {}
    content = {
        "artefact": selection.artefact.name, "scale": selection.scale,
        "ambiguities": list(selection.artefact.ambiguities),
        "commits": sorted({run["commit"] or f"unknown (code {run.get('code_digest', '')[:16]})"
                           for run in each}),
        "not_measured": dict(selection.without), "shared": shared,
        "runs": {key: {name: value for name, value in run.items() if name not in shared}
                 for key, run in runs.items()}}
    files.write_json(folder / "provenance.json", content)


def _run_provenance(task: Task) -> dict[str, Any]:
    """Origin of the run; for its measures, the seconds and what differs from the training."""
    trained = task.folder.provenance()
    found = {measure.id: task.folder.measurement(measure) for measure in task.measures}
    measured = {id: outcome["provenance"] for id, outcome in found.items() if outcome}
    if not measured:
        return trained
    return trained | {
        "measure_seconds": round(sum(m["seconds"] for m in measured.values()), 3),
        "measures": {id: {k: v for k, v in m.items() if k == "seconds" or v != trained.get(k)}
                     for id, m in measured.items()}}
