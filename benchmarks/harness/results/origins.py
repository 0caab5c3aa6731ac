"""provenance.json of a results folder: where each run behind its numbers came from."""

from pathlib import Path
from typing import Any

from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store import evaluations
from benchmarks.harness.store.files import write_json
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import Task, tasks


def write(selection: Selection, store: Store, folder: Path) -> None:
    """Per run where it came from; what is the same for all of them stands once, under `shared`."""
    runs: dict[str, dict[str, Any]] = {}
    asked = tasks(selection.entries(), store)
    for entry in selection.entries():
        task = asked[entry.run.key]
        if task.folder.is_finished():
            runs[entry.run.key] = {"arm": entry.arm.name, "seed": entry.run.seed,
                                   **_run_provenance(task)}
    each = list(runs.values())
    shared = {name: value for name, value in each[0].items()
              if all(run.get(name) == value for run in each)} if each else {}
    content = {
        "artefact": selection.artefact.name, "scale": selection.scale,
        "ambiguities": list(selection.artefact.ambiguities),
        "commits": sorted({str(run["commit"]) for run in each}),
        "not_measured": dict(selection.without),
        "shared": shared,
        "runs": {key: {name: value for name, value in run.items() if name not in shared}
                 for key, run in runs.items()},
    }
    write_json(folder / "provenance.json", content)


def _run_provenance(task: Task) -> dict[str, Any]:
    """Where the run came from; of its measures, how long they took and what differs from that."""
    trained = task.folder.provenance()
    found = {measure.id: evaluations.find(task.folder.path, measure) for measure in task.measures}
    measured = {id: outcome["provenance"] for id, outcome in found.items() if outcome}
    if not measured:
        return trained
    return trained | {
        "measure_seconds": round(sum(m["seconds"] for m in measured.values()), 3),
        "measures": {id: {k: v for k, v in m.items() if k == "seconds" or v != trained.get(k)}
                     for id, m in measured.items()},
    }
