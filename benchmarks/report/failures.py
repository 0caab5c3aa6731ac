"""Runs that failed or diverged, with the last lines of their logs."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.results.standing import Standing
from benchmarks.harness.store.run_folder import Store

LINES = 12


class Failure(NamedTuple):
    """A run without numbers."""

    artefact: str
    scale: str
    arm: str
    seed: str
    status: str  # failed or diverged
    detail: str  # the step it diverged at; why it failed, if that is known here
    log: str  # empty where the run is not in the store
    custom: bool  # picked by hand


def failures(standings: Iterable[Standing], store: Store) -> list[Failure]:
    """Of everything that has results, in order; each run once per artefact."""
    found: dict[tuple[str, str, bool, str, str], Failure] = {}
    for standing in standings:
        chosen = standing.selection
        name, scale, custom = chosen.artefact.name, chosen.scale, chosen.custom
        # which runs those picked by hand were, the tables do not say
        keys = {} if custom else {(entry.arm.name, str(entry.run.seed)): entry.run.key
                                  for entry in chosen.entries()}
        for row in standing.runs or []:
            if row["status"] not in ("failed", "diverged"):
                continue
            folder = store.folder(keys.get((row["arm"], row["seed"]), "unknown"))
            known = row["status"] == "failed" and folder.has_failed()
            step = row.get("diverged_step")
            detail = folder.error() if known else f"at step {step}" if step else ""
            found[name, scale, custom, row["arm"], row["seed"]] = Failure(
                name, scale, row["arm"], row["seed"], row["status"], detail,
                _end(folder.path / "log.txt"), custom)
    return list(found.values())


def _end(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").rstrip().splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LINES:])
