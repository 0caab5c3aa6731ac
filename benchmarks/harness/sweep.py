"""A whole artefact: check, declare its runs, train what is missing, publish, say what came out."""

from argparse import Namespace
from collections import Counter
from pathlib import Path
import shutil

from benchmarks.harness import committed, lease, preflight
from benchmarks.harness.device import check_device
from benchmarks.harness.errors import UsageError
from benchmarks.harness.launch import LAUNCHERS
from benchmarks.harness.options import Options
from benchmarks.harness.progress import Progress
from benchmarks.harness.publish import draw, publish
from benchmarks.harness.selection import Entry, Selection
from benchmarks.harness.store import RunFolder, Store
from benchmarks.harness.task import SETTLED, UNSETTLED, Task, tasks
from benchmarks.harness.verdicts import print_verdicts


def run(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Brings every selected artefact up to date; 0 if all are complete, 1 otherwise."""
    sweeps = [Sweep(selection, store, options) for selection in selections]
    for sweep in sweeps:
        sweep.check()  # all of them, before the first one trains
    return max([sweep.redraw() if options.redraw else sweep.run() for sweep in sweeps])


class Sweep:
    """One selection on its way to its results folder."""

    def __init__(self, selection: Selection, store: Store, options: Namespace) -> None:
        self.selection, self.store, self.options = selection, store, options
        self.cache = options.cache_dir.resolve()
        self.folder = selection.results(options.results_dir.resolve(), self.cache)
        self.partial = self.cache / "partial" / selection.scale / selection.artefact.name
        self.data = self.cache / "data"
        self.entries = selection.entries()
        self.labels = {entry.run.key: entry.label for entry in reversed(self.entries)}
        self.tasks = tasks(self.entries, store)
        self.before: str | None = None  # the data.csv that is there when the sweep begins
        self.there: set[tuple[str, ...]] = set()  # and its outcomes, see `committed.check`

    def check(self) -> None:
        """Raises UsageError for anything that would stop the sweep half-way."""
        preflight.check_storage(self.store.root, to_write=False)
        self.there = committed.check(self.folder)
        data = self.folder / "data.csv"
        self.before = data.read_text() if data.exists() else None
        check_device(self.options.device)
        preflight.check_runs(self.tasks, self.labels, self.options.rerun)
        if not self.options.redraw:
            preflight.prepare_data(self.entries, self.tasks, self.store.root, self.data,
                                   self.options)

    def redraw(self) -> int:
        """Draws the figure of the data.csv that is there."""
        data = self.folder / "data.csv"
        if not data.exists():
            raise UsageError(f"--redraw: there is no {data}; leave --redraw out to make it")
        try:
            draw(self.selection.artefact.name, data.read_text(), self.folder)
        except (OSError, ValueError, KeyError, SyntaxError) as error:
            raise UsageError(f"--redraw: something in {self.folder} is missing or damaged "
                             f"({error}); leave --redraw out to make it") from None
        print(f"drew {_shown(self.folder / 'figure.png')} and figure.pdf")
        return 0

    def run(self) -> int:
        """Does what is missing, publishing whenever a stage is complete."""
        self._declare()
        todo = {key: task for key, task in self.tasks.items() if task.state() in UNSETTLED}
        if todo:
            self._work(todo)
        return self._conclude()

    def _declare(self) -> None:
        """A folder per distinct run, rid of what is to be trained again."""
        for entry in self.entries:
            folder = self.tasks[entry.run.key].folder
            if self.options.rerun:
                folder.discard()
            if self.options.retry_failed:
                folder.forgive()
            if folder.is_finished():
                lease.remove_dead(folder.path)
            folder.declare(entry.run, self.selection.sources.get(entry.run.method))

    def _work(self, todo: dict[str, Task]) -> None:
        left = set(todo)
        stages = [[entry for entry in self.entries if entry.arm.stage == stage]
                  for stage in sorted({entry.arm.stage for entry in self.entries})]
        unpublished = [stage for stage in stages[:-1] if left & {entry.run.key for entry in stage}]

        def finished(folder: RunFolder, state: str) -> None:
            left.discard(folder.key)
            while unpublished and not left & {entry.run.key for entry in unpublished[0]}:
                self._publish_stage(unpublished.pop(0))

        print(f"{self.selection.artefact.name}: training {len(todo)} of {len(self.entries)} runs, "
              f"{self.selection.scale} scale", flush=True)
        options = Options(self.data, self.options.device, min(self.options.jobs, len(todo)),
                          self.options.checkpoint_seconds)
        with Progress({key: self.labels[key] for key in todo}, finished) as progress:
            LAUNCHERS[self.options.cluster](list(todo.values()), options, progress)

    def _publish_stage(self, stage: list[Entry]) -> None:
        """Shows a first stage early, but never in place of a fuller result."""
        panels = ", ".join(dict.fromkeys(entry.arm.panels[0] for entry in stage))
        target = self._target()
        publish(self.selection, self.store, target)
        print(f"{panels} panel: {_shown(target / 'figure.png')}", flush=True)

    def _target(self) -> Path:
        """The results folder, or one for partial results if that one has more of these arms."""
        outcomes: set[tuple[str, ...]] = set()
        for entry in self.entries:
            if self.tasks[entry.run.key].state() in SETTLED:
                name = (entry.arm.name, str(entry.run.seed))
                outcomes |= {name, (*name, "fid")} if entry.has("inception") else {name}
        declared = {arm.name for arm in self.selection.arms}
        lacking = {outcome for outcome in self.there - outcomes if outcome[0] in declared}
        return self.partial if lacking else self.folder

    def _conclude(self) -> int:
        """Publishes, prints verdicts, files and what is missing; 0 if nothing is."""
        target = self._target()
        claims = publish(self.selection, self.store, target)
        states = Counter(self.tasks[entry.run.key].state() for entry in self.entries)
        print(f"{self.selection.artefact.name}, {self.selection.scale} scale: "
              + ", ".join(f"{count} {state}" for state, count in sorted(states.items())))
        for entry in self.entries:
            if (task := self.tasks[entry.run.key]).state() == "failed":
                print(f"  failed: {entry.label}: {task.folder.error()} (again: --retry-failed)")
        print_verdicts(claims)
        complete = not set(states) - set(SETTLED)
        if target == self.partial:
            print(f"{_shown(self.folder)} keeps its fuller results; these are in {_shown(target)}")
            return 0 if complete else 1
        shutil.rmtree(self.partial, ignore_errors=True)
        if self.before is not None:
            after = (target / "data.csv").read_text()
            print(committed.largest_difference(self.before, after))
        print(f"results: {_shown(target)}/ (runs.csv data.csv claims.csv figure.png figure.pdf)")
        return 0 if complete else 1


def _shown(path: Path) -> str:
    """The path relative to where the user stands, if it is below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
