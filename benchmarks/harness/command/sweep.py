"""Sweeps: check, write specs, train missing runs, publish tables and figure, print verdicts."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
import csv
from dataclasses import replace
import io
from pathlib import Path
import shutil

from benchmarks.harness.command import preflight
from benchmarks.harness.command.costs import Estimates
from benchmarks.harness.console import print_verdicts, shown
from benchmarks.harness.errors import MissingDataError, UsageError
from benchmarks.harness.launch.launchers import (
    device_for,
    kind_of_device,
    processes,
    train_inline,
)
from benchmarks.harness.launch.local import train_in_pool
from benchmarks.harness.launch.options import Options, SlurmOptions, overrides
from benchmarks.harness.launch.progress import Progress
from benchmarks.harness.results import read
from benchmarks.harness.results.reuse import Reused, reused
from benchmarks.harness.results.write import draw, judge_again, publish
from benchmarks.harness.slurm.jobs import Jobs
from benchmarks.harness.slurm.launcher import submit, train_on_slurm
from benchmarks.harness.slurm.submissions import forget
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.spec.selection import PlannedRun, Selection
from benchmarks.harness.store import checkpoints, lease
from benchmarks.harness.store.run_folder import RunFolder, Store
from benchmarks.harness.store.task import UNSETTLED, Task, tasks, why_again, work_of
from benchmarks.harness.train.device import usable_device

REUSED = "reused"  # a run that the results folder has, and this store has not

LAUNCHERS = {"local": train_in_pool, "slurm": train_on_slurm, "debug": train_inline}


def run(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Brings every selected artefact up to date; 0 if all are complete, 1 otherwise."""
    renewed = set[str]()  # runs that two sweeps share are trained again once
    if not options.redraw:
        lease.read_clock(options.cache_dir)
    sweeps = _checked([Sweep(chosen, store, options, renewed) for chosen in selections])
    if options.cluster == "slurm" and not options.redraw:
        everything = tasks([entry for sweep in sweeps for entry in sweep.entries], store)
        for sweep in sweeps:  # before the jobs are looked up: it changes what is on record
            sweep.declare()
        jobs = Jobs(options.cache_dir)
        submitted = [sweep.submit(everything, jobs) for sweep in sweeps]
        if any(submitted):
            jobs = Jobs(options.cache_dir)
        for sweep in sweeps:
            sweep.jobs = jobs
    statuses = [sweep.redraw() if options.redraw else sweep.run() for sweep in sweeps]
    if len(sweeps) > 1:  # the noise of a single seed may be that of another artefact's replicates
        for sweep in sweeps:
            sweep.judge_again()
    return max([*statuses, int(len(sweeps) < len(selections))])


def _checked(sweeps: list[Sweep]) -> list[Sweep]:
    """Checks all sweeps before the first one trains; drops those whose data is missing.

    Raises UsageError for any other fault, MissingDataError if all data is missing."""
    possible, absent = [], []
    for sweep in sweeps:
        try:
            sweep.check()
            possible.append(sweep)
        except MissingDataError as error:
            absent.append(error)
            if len(sweeps) > 1:
                print(f"{sweep.selection.artefact.name}: not run, {error}")
    if not possible:
        raise absent[0]
    return possible


class Sweep:
    """Brings the results folder of one selection up to date."""

    def __init__(
        self, selection: Selection, store: Store, options: Namespace, renewed: set[str]
    ) -> None:
        self.selection, self.store, self.options = selection, store, options
        self.renewed = renewed  # keys of the runs that --rerun has deleted already
        self.cache = options.cache_dir
        self.folder = selection.results(options.results_dir, self.cache)
        self.entries = selection.entries()
        self.labels = {entry.run.key: entry.label for entry in reversed(self.entries)}
        self.tasks = tasks(self.entries, store)
        self.reused = self._reused()
        self.absent: dict[str, MissingDataError] = {}
        apart = selection.precision or ""
        self.partial = self.cache / "partial" / apart / selection.scale / selection.artefact.name
        self.before: str | None = None  # data.csv before the sweep
        self.jobs: Jobs | None = None  # as the command has found them
        self.there: set[tuple[str, ...]] = set()  # and its outcomes, see `check_results`

    def _reused(self) -> Reused:
        """With --reuse, what the full results hold of runs that the store does not have."""
        full = replace(self.selection, custom=False)
        folder = full.results(self.options.results_dir, self.cache)
        wanted = [entry for entry in self.entries
                  if self.options.reuse and self.tasks[entry.run.key].state() not in SETTLED]
        return reused(folder, wanted)

    def check(self) -> None:
        """Raises UsageError for what would stop the sweep half-way."""
        preflight.check_storage(self.store.root, to_write=False)
        self.look()
        # a cluster's nodes may have devices that this host lacks; for "auto", see `_options`
        if self.options.cluster != "slurm" and self.options.device != "auto":
            usable_device(self.options.device)
        for key, task in self.tasks.items():
            if self.options.rerun and task.folder.is_being_trained():
                raise UsageError(f"--rerun: {self.labels[key]} is being trained right now")
            # they may be large, and many: the cluster's jobs say themselves what is wrong with them
            if not self.options.rerun and self.options.cluster != "slurm" and (
                    warning := checkpoints.newest(task.folder.path)[1]):
                print(f"warning: {warning}")
        if not self.options.redraw:
            own = [entry for entry in self.entries if entry.run.key not in self.reused.rows]
            self.absent = preflight.prepare_data(
                own, {entry.run.key: self.tasks[entry.run.key] for entry in own}, self.store.root,
                self.cache / "data", self.options)

    def look(self) -> None:
        """Notes what is published; raises UsageError if it is corrupt, or cannot be written."""
        self.there = read.check_results(self.folder)
        data = self.folder / "data.csv"
        self.before = data.read_text(encoding="utf-8") if data.exists() else None

    def submit(self, everything: Mapping[str, Task], jobs: Jobs) -> bool:
        """Submits missing runs, each with the measures and curves that any artefact asks of it.

        Returns whether there were any; `jobs` are those that there are before."""
        todo = self._todo()
        if todo:
            self._say_why(todo)
        return bool(todo) and bool(submit([everything[key] for key in todo],
                                          self._options(len(todo)), jobs))

    def run(self) -> int:
        """Trains and measures missing runs; publishes at the end of each stage."""
        if self.options.cluster != "slurm":
            self.declare()
        if todo := self._todo():
            self._work(todo)
        for error in self.absent.values():
            print(f"{self.selection.artefact.name}: a part is not run, {error}")
        return self.conclude()

    def _todo(self) -> dict[str, Task]:
        return {entry.run.key: task for entry in self.entries
                if entry.run.packed_name not in self.absent
                and entry.run.key not in self.reused.rows
                and (task := self.tasks[entry.run.key]).state() in UNSETTLED}

    def declare(self) -> None:
        """Writes each run's spec; deletes what is to be trained again."""
        forgiven = set[str]()
        for entry in self.entries:
            if entry.run.packed_name in self.absent or entry.run.key in self.reused.rows:
                continue
            folder = self.tasks[entry.run.key].folder
            if self.options.rerun and folder.key not in self.renewed:
                folder.delete()
                self.renewed.add(folder.key)
            if self.options.retry_failed and folder.has_failed():
                folder.clear_error()
                forgiven.add(folder.key)
            if folder.is_finished() and folder.claim():
                lease.remove_dead(folder.path)
            folder.write_spec(entry.run, self.selection.sources.get(entry.run.method))
        forget(self.cache, forgiven)

    def _work(self, todo: dict[str, Task]) -> None:
        left = set(todo)
        stages = [[entry for entry in self.entries if entry.arm.stage == stage]
                  for stage in sorted({entry.arm.stage for entry in self.entries})]
        unpublished = [stage for stage in stages[:-1] if left & {entry.run.key for entry in stage}]

        def finished(folder: RunFolder, state: str) -> None:
            left.discard(folder.key)
            while unpublished and not left & {entry.run.key for entry in unpublished[0]}:
                self._publish_stage(unpublished.pop(0))

        if self.options.cluster != "slurm" or self.options.wait:
            print(f"{self.selection.artefact.name}: {work_of(todo.values())} of "
                  f"{len(self.entries)} runs, {self.selection.scale} scale", flush=True)
        if self.options.cluster != "slurm":  # there it is said where they are submitted
            self._say_why(todo)
        with Progress({key: self.labels[key] for key in todo}, finished) as progress:
            LAUNCHERS[self.options.cluster](list(todo.values()), self._options(len(todo)), progress)

    def _say_why(self, todo: dict[str, Task]) -> None:
        for line in why_again(task.state() for task in todo.values()):
            print(line, flush=True)

    def _options(self, count: int) -> Options:
        asked, artefact = self.options, self.selection.artefact
        needs = artefact.resources[self.selection.scale]
        device = device_for(needs, asked)
        if asked.cluster != "slurm":
            device = usable_device(device)
        options = Options(self.cache / "data", device, min(processes(device, asked), count),
                          asked.checkpoint_seconds, asked.plain, asked.runs_per_gpu)
        if asked.cluster != "slurm":
            return options
        known, kind = Estimates.read(self.selection, asked), kind_of_device(needs, asked)
        seconds = {entry.run.key: sum(found[:2]) for entry in self.entries
                   if (found := known.of(entry, kind))}
        return replace(options, slurm_options=SlurmOptions(
            self.cache, artefact.name, needs, seconds, overrides(asked.slurm), asked.runs_per_job,
            asked.wait))

    def judge_again(self) -> None:
        """Judges the claims by the results that are there now."""
        if self.selection.scale != "smoke" and (self.folder / "data.csv").exists():
            judge_again(self.selection, self.folder)

    def redraw(self) -> int:
        """Draws the figure from data.csv and judges the claims by runs.csv again."""
        data = self.folder / "data.csv"
        if not data.exists():
            raise UsageError(f"--redraw: there is no {data}; leave --redraw out to make it")
        read.tables(self.folder)
        try:
            draw(self.selection.artefact.figure, data.read_text(encoding="utf-8"), self.folder)
        except (OSError, ValueError, KeyError, SyntaxError) as error:
            raise UsageError(f"--redraw: something in {self.folder} is missing or damaged "
                             f"({error}); leave --redraw out to make it") from None
        print(f"drew {shown(self.folder / 'figure.png')}, figure.pdf and figure.svg")
        print_verdicts(csv.DictReader(io.StringIO(judge_again(self.selection, self.folder))))
        return 0

    def _publish_stage(self, stage: list[PlannedRun]) -> None:
        """Publishes a finished stage early, but never over a fuller result."""
        panels = ", ".join(dict.fromkeys(entry.arm.panels[0] for entry in stage))
        target = self._target()
        publish(self.selection, self.store, target, self.reused)
        print(f"{panels} panel: {shown(target / 'figure.png')}", flush=True)

    def _target(self) -> Path:
        """The results folder, or the partial one if the results have more of these arms."""
        outcomes: set[tuple[str, ...]] = set()
        for entry in self.entries:
            key = entry.run.key
            if key in self.reused.rows or self.tasks[key].state() in SETTLED:
                name = (entry.arm.name, str(entry.run.seed))
                outcomes |= {name, (*name, "fid")} if entry.has("inception") else {name}
        declared = {arm.name for arm in self.selection.arms}
        lacking = {outcome for outcome in self.there - outcomes if outcome[0] in declared}
        return self.partial if lacking else self.folder

    def conclude(self) -> int:
        """Publishes a sweep: tables, figure, verdicts, missing runs; 0 if none is missing."""
        jobs = Jobs(self.cache) if self.jobs is None or self.options.wait else self.jobs
        states = {key: REUSED if key in self.reused.rows else jobs.state(task)
                  for key, task in self.tasks.items()}
        counts = Counter(states[entry.run.key] for entry in self.entries)
        waiting = not set(counts) - {"queued", "running"}
        target = self._target()
        claims = "" if waiting else publish(self.selection, self.store, target, self.reused)
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
        for name in self.selection.artefact.texts:
            if name.endswith(".txt"):
                print((target / name).read_text(encoding="utf-8"), end="")
        if self.reused.rows:
            print(self.reused.said(shown(self.reused.folder)))
        print_verdicts(csv.DictReader(io.StringIO(claims)))
        complete = not set(counts) - {*SETTLED, REUSED}
        self._say_where(target)
        return 0 if complete else 1

    def _say_where(self, target: Path) -> None:
        """Prints where the results are, and their largest difference from earlier ones."""
        if target == self.partial:
            print(f"{shown(self.folder)} keeps its fuller results; these are in {shown(target)}")
            return
        shutil.rmtree(self.partial, ignore_errors=True)
        if self.before is not None:
            after = (target / "data.csv").read_text(encoding="utf-8")
            print(read.largest_difference(self.before, after))
        print(f"results: {shown(target)}/ (runs.csv data.csv claims.csv "
              "figure.png figure.pdf figure.svg)")
