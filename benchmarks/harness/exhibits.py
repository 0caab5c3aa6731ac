"""Points and pictures of single runs that a figure shows beside its table.

<results>/points/<arm>.seed<N>.<file>.csv and <results>/tiles/<arm>.seed<N>.<file>.png, so that a
figure is drawn from its results folder alone.
"""

from collections.abc import Iterable
from pathlib import Path

from benchmarks.harness import evaluations
from benchmarks.harness.files import remove_leftovers, write_if_changed
from benchmarks.harness.selection import Entry
from benchmarks.harness.store import Store

FOLDERS = {".csv": "points", ".png": "tiles"}


def write(entries: Iterable[Entry], store: Store, folder: Path) -> None:
    """Brings both folders up to date with the store; a figure of others is removed first."""
    wanted: dict[Path, bytes] = {}
    for entry in entries:
        for measure in entry.measures:
            found = evaluations.files(store.folder(entry.run.key).path, measure)
            for name, data in found.items():
                place = folder / FOLDERS[Path(name).suffix]
                wanted[place / f"{entry.arm.name}.seed{entry.run.seed}.{name}"] = data
    there: set[Path] = set()
    for place in (folder / name for name in FOLDERS.values()):
        remove_leftovers(place)
        there |= set(place.glob("*"))
    if {path: path.read_bytes() for path in there} == wanted:
        return
    (folder / "figure.png").unlink(missing_ok=True)  # so that it is drawn, even after a kill
    for path in there - set(wanted):
        path.unlink()
    for path, data in wanted.items():
        write_if_changed(path, data)
