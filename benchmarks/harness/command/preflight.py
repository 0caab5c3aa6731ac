"""Checks before a sweep trains: storage, checkpoints, data, Inception's weights."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
import shutil
from tempfile import NamedTemporaryFile

from benchmarks.harness.data.download import DownloadError, digest, download
from benchmarks.harness.errors import MissingDataError, UsageError
from benchmarks.harness.spec.selection import PlannedRun, Selection
from benchmarks.harness.spec.user_data import is_packed
from benchmarks.harness.store import provenance
from benchmarks.harness.store.files import temporary
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import Task, tasks, to_do


def check_storage(root: Path, *, to_write: bool) -> None:
    """Raises UsageError if runs cannot be stored (`to_write`) or looked up under `root`."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        if to_write:
            with NamedTemporaryFile(dir=root):
                pass
    except OSError as error:
        raise UsageError(f"runs cannot be stored in {root}: {error.strerror}; "
                         "choose another folder with --cache-dir") from None


def prepare_data(
    entries: Sequence[PlannedRun], tasks: Mapping[str, Task], store: Path, root: Path,
    options: Namespace,
) -> dict[str, MissingDataError]:
    """Packs, under `root`, the data sets of runs that are still to be trained or measured.

    Returns the missing ones by packed name. Raises UsageError if one is damaged or too small, if
    `store` cannot be written, or if a user's method does not work; MissingDataError if every run
    needs a missing one."""
    keys = to_do(tasks, options)
    needed = [entry for entry in entries if entry.run.key in keys]
    if not needed:
        return {}
    check_storage(store, to_write=True)
    if options.own:
        from benchmarks.harness.train.trial import try_methods  # torch
        try_methods([entry.run for entry in needed], [Path(name).resolve() for name in options.own])
    provenance.note_code()  # raises UsageError where the variable for it names no commit
    from benchmarks.harness.data import packed  # numpy
    absent = {}
    for name, run in {entry.run.packed_name: entry.run for entry in needed}.items():
        try:
            packed.prepare([run], root, options.data_dir, options.paths)
        except MissingDataError as error:
            absent[name] = error
    if absent and all(entry.run.packed_name in absent for entry in entries):
        raise next(iter(absent.values()))
    needed = [entry for entry in needed if entry.run.packed_name not in absent]
    distinct = {(entry.run.packed_name, entry.run.n_train, entry.measures, entry.recorded): entry
                for entry in needed if is_packed(entry.run)}
    for entry in distinct.values():
        packed.rows(entry.run, "train", entry.run.n_train, root)
        for measure in entry.measures:
            packed.rows(entry.run, measure.split, measure.n_eval, root)
        for n in {curve.n_eval for curve in entry.recorded if curve.n_eval}:
            packed.rows(entry.run, "test", n, root)
    return absent


INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d"  # the digits in its name, by torch.hub's convention
INCEPTION_FOLDER = "hub/checkpoints"  # where torch.hub looks, below the folder it is told
INCEPTION = "inception"


def measurable(selection: Selection, store: Store, options: Namespace) -> Selection:
    """Drops Inception measures when the weights are unavailable.

    They are downloaded only if something is to be trained or measured anyway, so that a finished
    sweep stays instant. Raises UsageError for a wrong --fid-weights file."""
    if not any(entry.has(INCEPTION) for entry in selection.entries()):
        return selection
    root = options.cache_dir / "weights"
    if options.fid_weights:
        take_weights(options.fid_weights, root)
    if weights_are_here(root):
        return selection
    stored = set() if options.rerun else with_inception(selection, store)
    reason = f"the Inception weights {INCEPTION_FILE} are not here; name them by --fid-weights"
    rest = without_inception(selection, stored, reason)
    if rest is not selection and options.to_train and to_do(tasks(rest.entries(), store), options):
        failure = fetch_weights(root)
        if failure is None:
            return selection
        print(f"note: fid stays empty: {reason} ({failure})")
    return rest


def with_inception(selection: Selection, store: Store) -> set[str]:
    """Keys of the runs whose Inception measures are stored."""
    return {entry.run.key for entry in selection.entries() for measure in entry.measures
            if measure.name == INCEPTION and store.folder(entry.run.key).measurement(measure)}


def without_inception(selection: Selection, stored: set[str], reason: str) -> Selection:
    """The selection with Inception measures of the stored runs alone, and the reason."""
    if stored == {entry.run.key for entry in selection.entries() if entry.has(INCEPTION)}:
        return selection
    return replace(selection, without={INCEPTION: reason}, measured=frozenset(stored))


def weights_are_here(root: Path) -> bool:
    """Whether the weights are under `root`, intact."""
    place = root / INCEPTION_FOLDER / INCEPTION_FILE
    return place.is_file() and digest(place, "sha256").startswith(INCEPTION_SHA256)


def take_weights(given: Path, root: Path) -> None:
    """Copies the user's file; raises UsageError if it is missing or has another checksum."""
    if not given.is_file():
        raise UsageError(f"--fid-weights: there is no file {given}")
    found = digest(given, "sha256")
    if not found.startswith(INCEPTION_SHA256):
        raise UsageError(f"--fid-weights: {given} is not {INCEPTION_FILE}: its sha256 begins with "
                         f"{found[:8]}, not {INCEPTION_SHA256}")
    place = root / INCEPTION_FOLDER / INCEPTION_FILE
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = temporary(place)
    shutil.copyfile(given, fresh)
    fresh.replace(place)


def fetch_weights(root: Path) -> str | None:
    """Downloads the weights; returns the reason of a failure, or None."""
    try:
        download(INCEPTION_FILE, _inception_mirrors(), INCEPTION_SHA256,
                 root / INCEPTION_FOLDER, "sha256")
    except DownloadError as error:
        return str(error)
    return None


def _inception_mirrors() -> list[str]:
    """Where pytorch-fid downloads them from."""
    from pytorch_fid.inception import FID_WEIGHTS_URL  # torch
    return [FID_WEIGHTS_URL.removesuffix(INCEPTION_FILE)]
