"""Points and pictures of single runs that a figure shows beside its table.

<results>/points/<stem>.<file>.csv and <results>/tiles/<stem>.<file>.png with the stem of
`spec.exhibit_stem`, so that a figure is drawn from its results folder alone.
"""

from collections.abc import Iterable
from pathlib import Path

from benchmarks.harness.spec.artefact import exhibit_stem
from benchmarks.harness.spec.selection import Entry
from benchmarks.harness.store import evaluations
from benchmarks.harness.store.files import remove_leftovers, write_if_changed
from benchmarks.harness.store.run_folder import Store

FOLDERS = {".csv": "points", ".png": "tiles"}


def write(entries: Iterable[Entry], store: Store, folder: Path) -> None:
    """Brings both folders up to date with the store; a figure of others is removed first."""
    wanted: dict[Path, bytes] = {}
    for entry in entries:
        stem = exhibit_stem(entry.arm.name, entry.run.seed)
        for measure in entry.measures:
            found = evaluations.files(store.folder(entry.run.key).path, measure)
            for name, data in found.items():
                wanted[folder / FOLDERS[Path(name).suffix] / f"{stem}.{name}"] = data
    there: set[Path] = set()
    for place in (folder / name for name in FOLDERS.values()):
        remove_leftovers(place)
        there |= set(place.glob("[!.]*"))  # what begins with a dot another command is writing
    if there == set(wanted) and all(_holds(path, data) for path, data in wanted.items()):
        return
    (folder / "figure.png").unlink(missing_ok=True)  # so that it is drawn, even after a kill
    for path in there - set(wanted):
        path.unlink(missing_ok=True)
    for path, data in wanted.items():
        write_if_changed(path, data)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except FileNotFoundError:
        return False
