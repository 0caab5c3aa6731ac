"""The file of Inception weights that FID is defined by: given, kept, or downloaded once."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
import shutil

from benchmarks.harness.data.download import DownloadError, digest, download
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store import evaluations
from benchmarks.harness.store.files import temporary
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import tasks, to_do

FILE = "pt_inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d"  # the digits in its name, by torch.hub's convention
FOLDER = "hub/checkpoints"  # where torch.hub looks, below the folder it is told
MEASURE = "inception"


def measurable(selection: Selection, store: Store, options: Namespace) -> Selection:
    """The selection, less what Inception's weights are wanted for if they are not to be had.

    They are looked for on the network only if something is to be trained or measured anyway, so
    that a command that finds everything done stays instant. Raises what `take` raises.
    """
    if not any(entry.has(MEASURE) for entry in selection.entries()):
        return selection
    root = options.cache_dir.resolve() / "weights"
    if options.fid_weights:
        take(options.fid_weights, root)
    if are_here(root):
        return selection
    stored = set() if options.rerun else {
        entry.run.key for entry in selection.entries() for measure in entry.measures
        if measure.name == MEASURE and evaluations.find(store.folder(entry.run.key).path, measure)}
    if stored == {entry.run.key for entry in selection.entries() if entry.has(MEASURE)}:
        return selection
    reason = f"the Inception weights {FILE} are not here; name them by --fid-weights"
    rest = replace(selection, without={MEASURE: reason}, measured=frozenset(stored))
    if options.to_train and to_do(tasks(rest.entries(), store), options):
        failure = fetch(root)
        if failure is None:
            return selection
        print(f"note: fid stays empty: {reason} ({failure})")
    return rest


def are_here(root: Path) -> bool:
    """Whether the weights are under `root`, whole."""
    place = root / FOLDER / FILE
    return place.is_file() and digest(place, "sha256").startswith(SHA256)


def take(given: Path, root: Path) -> None:
    """Copies the user's file; raises UsageError if it is absent or has another checksum."""
    if not given.is_file():
        raise UsageError(f"--fid-weights: there is no file {given}")
    found = digest(given, "sha256")
    if not found.startswith(SHA256):
        raise UsageError(f"--fid-weights: {given} is not {FILE}: its sha256 begins with "
                         f"{found[:8]}, not {SHA256}")
    place = root / FOLDER / FILE
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = temporary(place)
    shutil.copyfile(given, fresh)
    fresh.replace(place)


def fetch(root: Path) -> str | None:
    """Downloads them; returns why they are not to be had, or None."""
    try:
        download(FILE, _mirrors(), SHA256, root / FOLDER, "sha256")
    except DownloadError as error:
        return str(error)
    return None


def _mirrors() -> list[str]:
    """Where pytorch-fid takes them from."""
    from pytorch_fid.inception import FID_WEIGHTS_URL  # torch
    return [FID_WEIGHTS_URL.removesuffix(FILE)]
