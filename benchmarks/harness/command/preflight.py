"""Checks before a sweep trains: storage, checkpoints, data, Inception's weights."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
import shutil
from tempfile import NamedTemporaryFile

from benchmarks.harness.data.download import DownloadError, digest, download
from benchmarks.harness.errors import MissingDataError, UsageError
from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.spec.run import Run
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

    Also those that were packed from other files than are named now. Returns the missing ones by
    packed name. Raises UsageError if one is damaged or too small, if finished runs were trained on
    other images, if `store` cannot be written, or if a user's method does not work;
    MissingDataError if each needs a missing one."""
    keys, named = to_do(tasks, options), (root, options.data_dir, options.paths)
    distinct_sets = {entry.run.packed_name: entry.run for entry in entries if is_packed(entry.run)}
    if not keys and not (distinct_sets and any(named[1:])):
        return {}
    from benchmarks.harness.data import packed  # numpy
    sets = {entry.run.packed_name for entry in entries if entry.run.key in keys}
    sets |= {name for name, run in distinct_sets.items() if packed.is_outdated(run, *named)}
    needed = [entry for entry in entries if entry.run.packed_name in sets]
    if not needed:
        return {}
    check_storage(store, to_write=True)
    _check_code([entry.run for entry in entries if entry.run.key in keys], options)
    absent = {}
    for name in sorted(sets & set(distinct_sets)):
        try:
            packed.prepare([distinct_sets[name]], *named)
        except MissingDataError as error:
            absent[name] = error
    if absent and all(entry.run.packed_name in absent for entry in entries):
        raise next(iter(absent.values()))
    needed = [entry for entry in needed if entry.run.packed_name not in absent]
    if not options.rerun:
        _check_trained_on(needed, tasks, root)
    _check_sizes(needed, root)
    return absent


def _check_code(runs: Sequence[Run], options: Namespace) -> None:
    """Notes the code's commit; raises UsageError for none, or for a user's method that fails."""
    if options.own:
        from benchmarks.harness.command.method_trial import try_methods  # torch
        try_methods(runs, [Path(name).resolve() for name in options.own])
    provenance.note_code()


def _check_sizes(entries: Sequence[PlannedRun], root: Path) -> None:
    """Raises UsageError for a data set with fewer points than are asked for."""
    from benchmarks.harness.data import packed
    distinct = {(entry.run.packed_name, entry.run.n_train, entry.measures, entry.recorded): entry
                for entry in entries if is_packed(entry.run)}
    for entry in distinct.values():
        packed.rows(entry.run, "train", entry.run.n_train, root)
        for measure in entry.measures:
            packed.rows(entry.run, measure.split, measure.n_eval, root)
        for n in {curve.n_eval for curve in entry.recorded if curve.n_eval}:
            packed.rows(entry.run, "test", n, root)


def _check_trained_on(
    entries: Sequence[PlannedRun], tasks: Mapping[str, Task], root: Path
) -> None:
    """Raises UsageError for finished runs that were trained on other images than are packed."""
    from benchmarks.harness.data import packed
    now = {entry.run.packed_name: packed.identity(entry.run, root) for entry in entries}
    other = [entry for entry in entries if (folder := tasks[entry.run.key].folder).is_finished()
             and folder.provenance().get("data") not in (None, now[entry.run.packed_name])]
    if other:
        raise UsageError(f"{len(other)} finished runs, such as {other[0].label}, were trained on "
                         f"other images of {other[0].run.dataset} than are named now: --rerun "
                         "trains them again, another --cache-dir keeps them")


INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d"  # the digits in its name, by torch.hub's convention
INCEPTION_FOLDER = "hub/checkpoints"  # where torch.hub looks, below the folder it is told
INCEPTION = ("inception", "inception_gmm")  # the measures that need them


def measurable(selection: Selection, store: Store, options: Namespace) -> Selection:
    """Drops Inception measures when the weights are unavailable.

    They are downloaded only if something is to be trained or measured anyway, so that a finished
    sweep stays instant. Raises UsageError for a wrong --fid-weights file."""
    if not asked_inception(selection):
        return selection
    root = options.cache_dir / "weights"
    if options.fid_weights:
        take_weights(options.fid_weights, root)
    if weights_are_here(root):
        return selection
    stored = set() if options.rerun else stored_inception(selection, store)
    reason = f"the Inception weights {INCEPTION_FILE} are not here; name them by --fid-weights"
    rest = without_inception(selection, stored, reason)
    if rest is not selection and options.to_train and to_do(tasks(rest.entries(), store), options):
        failure = fetch_weights(root)
        if failure is None:
            return selection
        print(f"note: fid stays empty: {reason} ({failure})")
    return rest


Measured = set[tuple[str, Measure]]  # by run key


def asked_inception(selection: Selection) -> Measured:
    """The measures with Inception that are asked for."""
    return {(entry.run.key, measure) for entry in selection.entries()
            for measure in entry.measures if measure.name in INCEPTION}


def stored_inception(selection: Selection, store: Store) -> Measured:
    """Those of them that are stored."""
    return {(key, measure) for key, measure in asked_inception(selection)
            if store.folder(key).measurement(measure)}


def without_inception(selection: Selection, stored: Measured, reason: str) -> Selection:
    """The selection with the stored ones alone, and the reason."""
    lacking = asked_inception(selection) - stored
    if not lacking:
        return selection
    return replace(selection, measured=frozenset(stored),
                   without={measure.name: reason for _, measure in lacking})


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
