"""What could stop a sweep half-way, found out before anything is trained."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from benchmarks.harness.errors import MissingDataError, UsageError
from benchmarks.harness.spec.selection import Entry
from benchmarks.harness.spec.user_data import is_packed
from benchmarks.harness.store import checkpoints
from benchmarks.harness.store.task import Task, to_do


def check_storage(root: Path, *, to_write: bool) -> None:
    """Raises UsageError where runs cannot be stored, or, if nothing is to be written, looked up."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        if to_write:
            with NamedTemporaryFile(dir=root):
                pass
    except OSError as error:
        raise UsageError(f"runs cannot be stored in {root}: {error.strerror}; "
                         "choose another folder with --cache-dir") from None


def check_runs(tasks: Mapping[str, Task], labels: Mapping[str, str], rerun: bool) -> None:
    """Raises UsageError for a run that can neither be resumed nor, if asked, be trained anew."""
    for key, task in tasks.items():
        if not rerun:
            if warning := checkpoints.newest(task.folder.path)[1]:
                print(f"warning: {warning}")
        elif task.folder.is_being_trained():
            raise UsageError(f"--rerun: {labels[key]} is being trained right now")


def prepare_data(
    entries: Sequence[Entry], tasks: Mapping[str, Task], store: Path, root: Path,
    options: Namespace,
) -> dict[str, MissingDataError]:
    """Packs, under `root`, every data set that something is still to be done with.

    Returns those that are not here, by their packed name. Raises UsageError where one is damaged,
    or `store` cannot take the runs; MissingDataError if there is no run without them.
    """
    keys = to_do(tasks, options)
    needed = [entry for entry in entries if entry.run.key in keys]
    if not needed:
        return {}
    check_storage(store, to_write=True)
    from benchmarks.harness.data import portions, sources  # numpy
    absent = {}
    for name, run in {entry.run.packed_name: entry.run for entry in needed}.items():
        try:
            sources.prepare([run], root, options.data_dir, options.paths)
        except MissingDataError as error:
            absent[name] = error
    if absent and all(entry.run.packed_name in absent for entry in entries):
        raise next(iter(absent.values()))
    needed = [entry for entry in needed if entry.run.packed_name not in absent]
    distinct = {(entry.run.packed_name, entry.run.n_train, entry.measures, entry.recorded): entry
                for entry in needed if is_packed(entry.run)}
    for entry in distinct.values():
        portions.training(entry.run, root)
        for measure in entry.measures:
            portions.PARTS[measure.split](entry.run, measure.n_eval, root)
        for n in {curve.n_eval for curve in entry.recorded if curve.n_eval}:
            portions.test(entry.run, n, root)
    return absent
