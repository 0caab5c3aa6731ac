"""What a sweep leaves: published tables and figure, verdicts, and a word on what is missing."""

from collections import Counter
import csv
import io
from pathlib import Path
import shutil

from benchmarks.harness.errors import UsageError
from benchmarks.harness.launch.submissions import Jobs
from benchmarks.harness.results import read
from benchmarks.harness.results.write import draw, publish
from benchmarks.harness.spec.selection import Entry, Selection
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import SETTLED, Task
from benchmarks.harness.verdict_lines import print_verdicts


class Conclusion:
    """Of one selection, whose results go to `folder`."""

    def __init__(
        self, selection: Selection, store: Store, tasks: dict[str, Task], folder: Path, cache: Path
    ) -> None:
        self.selection, self.store, self.entries = selection, store, selection.entries()
        self.tasks = tasks
        self.folder, self.cache = folder, cache
        apart = selection.precision or ""
        self.partial = cache / "partial" / apart / selection.scale / selection.artefact.name
        self.before: str | None = None  # the data.csv that is there when the sweep begins
        self.there: set[tuple[str, ...]] = set()  # and its outcomes, see `committed.check`

    def check(self) -> None:
        """Takes note of the results that are there; raises UsageError if they are corrupt."""
        self.there = read.check(self.folder)
        data = self.folder / "data.csv"
        self.before = data.read_text() if data.exists() else None

    def redraw(self) -> int:
        """Draws the figure of the data.csv that is there."""
        data = self.folder / "data.csv"
        if not data.exists():
            raise UsageError(f"--redraw: there is no {data}; leave --redraw out to make it")
        read.tables(self.folder)
        try:
            draw(self.selection.artefact.name, data.read_text(), self.folder)
        except (OSError, ValueError, KeyError, SyntaxError) as error:
            raise UsageError(f"--redraw: something in {self.folder} is missing or damaged "
                             f"({error}); leave --redraw out to make it") from None
        print(f"drew {shown(self.folder / 'figure.png')}, figure.pdf and figure.svg")
        return 0

    def publish_stage(self, stage: list[Entry]) -> None:
        """Shows a first stage early, but never in place of a fuller result."""
        panels = ", ".join(dict.fromkeys(entry.arm.panels[0] for entry in stage))
        target = self._target()
        publish(self.selection, self.store, target)
        print(f"{panels} panel: {shown(target / 'figure.png')}", flush=True)

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

    def conclude(self) -> int:
        """Publishes, prints verdicts, files and what is missing; 0 if nothing is."""
        jobs = Jobs(self.cache)
        states = {key: jobs.state(task) for key, task in self.tasks.items()}
        counts = Counter(states[entry.run.key] for entry in self.entries)
        waiting = not set(counts) - {"queued", "running"}
        target = self._target()
        claims = "" if waiting else publish(self.selection, self.store, target)
        print(f"{self.selection.artefact.name}, {self.selection.scale} scale: "
              + ", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
        for entry in self.entries:
            if states[key := entry.run.key] == "failed":
                reason = self.tasks[key].folder.error()
                print(f"  failed: {entry.label}: {reason} (again: --retry-failed)")
        if counts["queued"] + counts["running"]:
            print("  the same command collects what is finished by then")
        if waiting:
            return 1
        print_verdicts(csv.DictReader(io.StringIO(claims)))
        complete = not set(counts) - set(SETTLED)
        self._say_where(target)
        return 0 if complete else 1

    def _say_where(self, target: Path) -> None:
        """Where the results are, and how far from those that were there."""
        if target == self.partial:
            print(f"{shown(self.folder)} keeps its fuller results; these are in {shown(target)}")
            return
        shutil.rmtree(self.partial, ignore_errors=True)
        if self.before is not None:
            after = (target / "data.csv").read_text()
            print(read.largest_difference(self.before, after))
        print(f"results: {shown(target)}/ (runs.csv data.csv claims.csv "
              "figure.png figure.pdf figure.svg)")


def shown(path: Path) -> str:
    """The path relative to where the user stands, if it is below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
