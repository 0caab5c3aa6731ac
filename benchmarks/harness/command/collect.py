"""`collect` and `pack`: runs of other machines taken in and published; runs packed for one."""

from argparse import Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks.harness.command import preflight
from benchmarks.harness.command.sweep import Sweep
from benchmarks.harness.console import shown
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store import archive
from benchmarks.harness.store.archive import Files
from benchmarks.harness.store.intake import DisagreementError, checked, take
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import why_again

FOREIGN = "of other artefacts"
# what came of the runs that were found, in the order in which it is told
OUTCOMES = ("taken", "completed", "here already", "being trained here", "refused", "disagreeing",
            "not finished there", FOREIGN)
OPEN = ("being trained here", "refused", "disagreeing")
NOT_MEASURED = "it was not measured where some of these runs were trained"


def collect(selections: Sequence[Selection], store: Store, options: Namespace) -> int:
    """Takes in the runs of --from, if given, and publishes what there is; trains nothing.

    Returns 0 if every named artefact is complete and every run was taken, 1 otherwise."""
    preflight.check_storage(store.root, to_write=options.source is not None)
    status = _take_in(selections, store, options) if options.source else 0
    return max(status, _publish(selections, store, options))


def _take_in(selections: Sequence[Selection], store: Store, options: Namespace) -> int:
    """Takes in the runs of the named artefacts, without names every run; tells what it did."""
    if options.source.resolve() in (options.cache_dir, store.root):
        raise UsageError("--from names the cache that runs are taken into; leave it out to publish "
                         "what is there")
    labels = _labels(selections)
    everything = len(options.words) == 1 or "all" in options.words
    counts, others, lines = Counter[str](), Counter[str](), list[str]()
    with archive.runs_in(options.source, store.root) as found:
        for key, files in found.items():
            label = labels.get(key, "of no artefact as it is asked for")
            outcome = "not finished there"
            try:
                if "result.json" in files:
                    theirs = checked(key, files)
                    others[theirs.run.precision] += key not in labels
                    wanted = everything or key in labels
                    outcome = take(theirs, store.folder(key)) if wanted else FOREIGN
            except (UsageError, FileNotFoundError) as error:  # the latter: where a run is at work
                outcome = "disagreeing" if isinstance(error, DisagreementError) else "refused"
                lines.append(f"  {outcome}: {key}, {label}: {error}")
            if outcome == "being trained here":
                lines.append(f"  {outcome}: {key}, {label}: not taken")
            counts[outcome] += 1
    told = ", ".join(f"{counts[what]} {what}" for what in OUTCOMES if counts[what])
    print("\n".join([f"{shown(options.source)}: {told}", *lines]))
    _hint(others, selections[0], options)
    return int(any(counts[what] for what in OPEN))


def _labels(selections: Sequence[Selection]) -> dict[str, str]:
    """The artefact, arm and seed of each selected run, by key."""
    return {entry.run.key: f"{selection.artefact.name}, {entry.label}"
            for selection in reversed(selections) for entry in reversed(selection.entries())}


def _hint(others: Mapping[str, int], selection: Selection, options: Namespace) -> None:
    """Says how the runs are published that the selected artefacts do not ask for."""
    for precision, count in others.items():
        if count and precision != (options.precision or "fp32"):
            print(f"  {count} are in {precision}, which --precision {precision} asks for")
        elif count:
            print(f"  {count} belong to no artefact as it is asked for at {selection.scale} scale: "
                  "another --scale, --methods, --with or --seeds may publish them")


def _publish(selections: Sequence[Selection], store: Store, options: Namespace) -> int:
    """Publishes each artefact with an outcome as a sweep would; 0 if all are complete."""
    statuses, empty = [0], []
    for selection in selections:
        sweep = Sweep(as_measured(selection, store), store, options, set())
        if any(task.state() in SETTLED for task in sweep.tasks.values()):
            sweep.look()
            statuses.append(sweep.conclude())
            for line in why_again(task.state() for task in sweep.tasks.values()):
                print(line)
        else:
            empty.append(selection.artefact.name)
    if empty:
        print(f"no finished runs of: {', '.join(empty)}")
    return max(*statuses, int(bool(empty)))


def as_measured(selection: Selection, store: Store) -> Selection:
    """The selection with FID only where it was measured: its weights may be here, but not there."""
    whole = replace(selection, without={}, measured=frozenset())
    reason = next(iter(selection.without.values()), NOT_MEASURED)
    return preflight.without_inception(whole, preflight.stored_inception(whole, store), reason)


def pack(selections: Sequence[Selection], store: Store, options: Namespace) -> int:
    """Writes the finished runs of the artefacts to a file; 1 and no file if there is none."""
    packed, left = dict[str, Files](), list[str]()
    labels = _labels(selections)
    for key in labels:
        folder = store.folder(key)
        if not folder.is_finished() or folder.is_being_trained():
            continue
        try:
            outcome = checked(key, archive.files_of(folder.path))
            if options.weights and not folder.weights_are_whole():
                raise UsageError("its weights are missing or damaged")
        except UsageError as error:
            left.append(f"  refused: {key}, {labels[key]}: {error}")
            continue
        packed[key] = {name: read for name, read in outcome.files.items()
                       if options.weights or not archive.WEIGHTS.fullmatch(name)}
    if packed:
        archive.pack(packed, options.file)
    size = f", {options.file.stat().st_size / 2**20:.2f} MiB" if packed else " (not written)"
    unfinished = len(labels) - len(packed) - len(left)
    print("\n".join([f"{shown(options.file)}: {len(packed)} runs packed, {len(left)} refused, "
                     f"{unfinished} not finished{size}", *left]))
    return 0 if packed and not left else 1
