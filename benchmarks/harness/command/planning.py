"""`plan`: what is missing, how much of it is shared, and what it takes."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.harness.command.estimates import Estimates
from benchmarks.harness.command.status import counted, states_of
from benchmarks.harness.launch.submissions import Jobs
from benchmarks.harness.spec.selection import Entry, Selection
from benchmarks.harness.spec.user_data import is_packed
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import TO_TRAIN


class Cost(NamedTuple):
    """What runs take."""

    seconds: float = 0.0  # of a core or GPU, where runs like them were measured
    operations: float = 0.0  # of those for which nothing was
    disk: float = 0.0  # bytes
    longest: float = 0.0  # seconds or, with `operations`, GPU seconds of the longest run

    def __add__(self, other: object) -> Cost:
        """Both; the longest of all."""
        assert isinstance(other, Cost)
        return Cost(self.seconds + other.seconds, self.operations + other.operations,
                    self.disk + other.disk, max(self.longest, other.longest))

    def told(self, jobs: int) -> str:
        """In a line."""
        from benchmarks.harness.command.operations import ASSUMED
        parts = []
        if self.seconds:
            minutes = self.seconds / 60
            parts.append(f"about {minutes:.1f} core-minutes, {minutes / jobs:.1f} minutes on "
                         f"{jobs} processes, as measured of runs like them")
        if self.operations:
            parts.append(f"{self.operations:.2g} operations, {_span(self.operations / ASSUMED)} of "
                         f"a GPU at {ASSUMED:.0e} a second, as counted: none was measured")
        return (f"{'; '.join(parts)}; longest run {_span(self.longest)}; "
                f"{self.disk / 2**20:.1f} MiB of disk")


def _span(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"


class Costs:
    """What a run took of those with the same arm or, failing that, network, size and precision."""

    def __init__(self, selections: Iterable[Selection], options: Namespace) -> None:
        self.own: dict[str, Estimates] = {}
        self.alike: dict[tuple[object, ...], tuple[Estimates, Entry]] = {}
        for selection in selections:
            folder = selection.results(options.results_dir.resolve(), options.cache_dir.resolve())
            known = Estimates.read(folder)
            if known is None:
                continue
            self.own[selection.artefact.name] = known
            for entry in selection.entries():
                if entry.arm.name in known.measured:
                    self.alike.setdefault(_kind(entry), (known, entry))

    def of(self, artefact: str, entry: Entry, *, to_train: bool) -> Cost:
        """Of one run; of measuring alone where it is trained already."""
        known = self.own.get(artefact)
        if known is None or entry.arm.name not in known.measured:
            known, like = self.alike.get(_kind(entry), (None, entry))
        else:
            like = entry
        if known is None:
            from benchmarks.harness.command import operations  # torch
            work = operations.of_training(entry.run) if to_train else 0.0
            return Cost(0.0, work, operations.disk(entry.run) if to_train else 0.0,
                        work / operations.ASSUMED)
        measuring = known.measuring(like)
        if not to_train:
            return Cost(measuring)
        seconds = known.training(like) * entry.run.steps / like.run.steps + measuring
        return Cost(seconds, 0.0, known.disk(like), seconds)


def _kind(entry: Entry) -> tuple[object, ...]:
    run = entry.run
    return run.architecture, run.image_size, run.width, run.precision, run.batch


def plan(selections: list[Selection], store: Store, options: Namespace) -> int:
    """What the command without `plan` would train; trains nothing."""
    costs, jobs = Costs(selections, options), Jobs(options.cache_dir.resolve())
    planned: set[str] = set()
    declared, total = 0, Cost()
    for selection in selections:
        entries = {entry.run.key: entry for entry in selection.entries()}
        states = states_of(selection, store, jobs)
        wanted = {*TO_TRAIN, "failed"} if options.retry_failed else set(TO_TRAIN)
        todo = {key for key in entries if options.rerun or states[key] in wanted}
        lacking = {key for key in entries if states[key] == "unmeasured" and not options.rerun}
        shared = planned & todo
        name = selection.artefact.name
        cost = sum((costs.of(name, entries[key], to_train=key in todo)
                    for key in entries if key not in planned and key in todo | lacking), Cost())
        print(f"{name}, {selection.scale} scale: {len(entries)} runs "
              f"({len(selection.arms)} arms, {selection.seeds} seeds): {counted(states.values())}")
        print(f"  to train: {len(todo)}, of which shared with an artefact above: {len(shared)}")
        if again := sum(state == "uncharted" for state in states.values()):
            print(f"  of these trained already, but without a curve that is wanted now: {again}")
        if lacking:
            print(f"  trained, and to be measured: {len(lacking)}")
        filed = [entries[key].run for key in todo | lacking if is_packed(entries[key].run)]
        if filed:
            from benchmarks.harness.data.sources import unpacked  # numpy
            if names := unpacked(filed, options.cache_dir.resolve() / "data"):
                print(f"  data to be found and packed first: {', '.join(names)}")
        print(f"  {cost.told(options.jobs) if cost != Cost() else 'nothing to add'}")
        planned |= todo
        declared, total = declared + len(entries), total + cost
    if len(selections) > 1:
        print(f"all: {declared} runs declared, {len(planned)} distinct ones to train"
              + (f"; {total.told(options.jobs)}" if total != Cost() else ""))
    return 0
