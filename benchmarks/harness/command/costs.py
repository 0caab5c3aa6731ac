"""Estimated costs of runs: measured ones of similar runs, else counted operations."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
import csv
from functools import cache
from pathlib import Path
from statistics import StatisticsError, mean
from typing import NamedTuple

from benchmarks.harness.errors import UsageError
from benchmarks.harness.results.read import read_provenance
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.selection import PlannedRun, Selection
from benchmarks.harness.spec.user_data import shape_of


class Estimate(NamedTuple):
    """Cost of one run."""

    training: float  # seconds
    measuring: float  # seconds
    disk: float  # bytes


class Estimates:
    """Measured costs by arm, training per step; an arm that was not measured gets the mean."""

    def __init__(self, measured: dict[str, Estimate], path: Path) -> None:
        self.measured, self.path = measured, path  # where it was measured

    @classmethod
    def read(cls, results: Path) -> Estimates | None:
        """Reads them from a results folder's provenance; None if nothing was measured yet.

        Raises UsageError if the provenance is corrupt."""
        path = results / "provenance.json"
        if not path.exists():
            return None
        runs: dict[str, list[Estimate]] = {}
        try:
            found = read_provenance(results)
            for run in (found["shared"] | run for run in found["runs"].values()):
                runs.setdefault(run["arm"], []).append(Estimate(
                    run["train_seconds"] / run["steps"], run.get("measure_seconds", 0.0),
                    run["disk_bytes"]))
            measured = {arm: _mean(each) for arm, each in runs.items()}
        except (UsageError, KeyError, TypeError, StatisticsError):
            raise UsageError(
                f"{path} is corrupt; restore it with git checkout, or remove it") from None
        return cls(measured, path) if measured else None

    def of(self, entry: PlannedRun) -> Estimate:
        """The cost of a run."""
        found = self.measured.get(entry.arm.name) or _mean(self.measured.values())
        return found._replace(training=entry.run.steps * found.training)


def _mean(estimates: Iterable[Estimate]) -> Estimate:
    return Estimate(*map(mean, zip(*estimates, strict=True)))


ASSUMED_RATE = 2e13  # operations a second that one GPU is taken to sustain in single precision
PASSES = 3  # forward, and backward twice as much
NETWORK_COSTS = Path(__file__).with_name("network_costs.csv")


class NetworkCost(NamedTuple):
    """Cost of an encoder and a decoder."""

    encoder: int  # floating-point operations per image
    decoder: int  # and per code
    weights: int  # of both


def training_operations(run: Run) -> float:
    """Floating-point operations of the whole training."""
    keys = dict(run.hyper).get("K")  # with a queue, a key encoder runs forward too
    encoder, decoder, _ = network_cost(*network(run))
    step = PASSES * (encoder + (0 if run.objective == "latent" else decoder))
    if keys is not None:
        step += encoder + PASSES * 2 * run.dim * int(keys)
    return run.steps * run.batch * step


def disk_bytes(run: Run) -> float:
    """Bytes of the weights that stay; a checkpoint takes about eight times as much meanwhile."""
    return 4.0 * (1 + len(run.snapshots or ())) * network_cost(*network(run)).weights


def network(run: Run) -> tuple[str, str, int, float]:
    """Architecture, shape of a point, latent dimension and width of the run's networks."""
    return run.architecture, "x".join(map(str, shape_of(run))), run.dim, run.width or 1.0


@cache
def network_cost(architecture: str, shape: str, dim: int, width: float) -> NetworkCost:
    """The cost from the table; counted, which imports torch, for networks that it lacks."""
    known = _network_costs().get((architecture, shape, str(dim), str(width)))
    return known or counted(architecture, shape, dim, width)


@cache
def _network_costs() -> dict[tuple[str, ...], NetworkCost]:
    with open(NETWORK_COSTS, newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    return {tuple(row[:4]): NetworkCost(*map(int, row[4:])) for row in rows}


def counted(architecture: str, shape: str, dim: int, width: float) -> NetworkCost:
    """Counts the cost with torch's counter, on the meta device."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from methods.architectures import ARCHITECTURES
    from methods.networks import Plan
    point, operations = tuple(map(int, shape.split("x"))), []
    with torch.device("meta"):
        networks = ARCHITECTURES[architecture](Plan(point, dim, dim, width))
        for part, size in ((networks.encoder, point), (networks.decoder, (dim,))):
            with FlopCounterMode(display=False) as counter:
                part(torch.empty(2, *size))  # a pair: batch norm wants several
            operations.append(counter.get_total_flops() // 2)
    encoder, decoder = operations
    return NetworkCost(encoder, decoder, sum(weights.numel() for part in networks
                                             for weights in part.parameters()))


class Cost(NamedTuple):
    """Cost of runs."""

    seconds: float = 0.0  # of a core or GPU, by measured runs
    operations: float = 0.0  # of runs without a measured one like them
    disk: float = 0.0  # bytes
    longest: float = 0.0  # seconds or, with `operations`, GPU seconds of the longest run

    def __add__(self, other: object) -> Cost:
        """The sum; `longest` is the longer one."""
        assert isinstance(other, Cost)
        return Cost(self.seconds + other.seconds, self.operations + other.operations,
                    self.disk + other.disk, max(self.longest, other.longest))

    def told(self, jobs: int) -> str:
        """The cost in one line."""
        parts = []
        if self.seconds:
            minutes = self.seconds / 60
            parts.append(f"about {minutes:.1f} core-minutes, {minutes / jobs:.1f} minutes on "
                         f"{jobs} processes, as measured of runs like them")
        if self.operations:
            span = _span(self.operations / ASSUMED_RATE)
            parts.append(f"{self.operations:.2g} operations, {span} of a GPU at "
                         f"{ASSUMED_RATE:.0e} a second, as counted: none was measured")
        return (f"{'; '.join(parts)}; longest run {_span(self.longest)}; "
                f"{self.disk / 2**20:.1f} MiB of disk")


def _span(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"


class Costs:
    """Costs by measured runs of the same arm, else of the same network, size and precision."""

    def __init__(self, selections: Iterable[Selection], options: Namespace) -> None:
        self.own: dict[str, Estimates] = {}
        self.alike: dict[tuple[object, ...], tuple[Estimates, PlannedRun]] = {}
        for selection in selections:
            known = Estimates.read(selection.results(options.results_dir, options.cache_dir))
            if known is None:
                continue
            self.own[selection.artefact.name] = known
            for entry in selection.entries():
                if entry.arm.name in known.measured:
                    self.alike.setdefault(_kind(entry), (known, entry))

    def of(self, artefact: str, entry: PlannedRun, *, to_train: bool) -> Cost:
        """Cost of one run; of measuring alone if it is trained already."""
        known = self.own.get(artefact)
        if known is None or entry.arm.name not in known.measured:
            known, like = self.alike.get(_kind(entry), (None, entry))
        else:
            like = entry
        if known is None:
            work = training_operations(entry.run) if to_train else 0.0
            return Cost(0.0, work, disk_bytes(entry.run) if to_train else 0.0,
                        work / ASSUMED_RATE)
        found = known.of(like)
        if not to_train:
            return Cost(found.measuring)
        seconds = found.training * entry.run.steps / like.run.steps + found.measuring
        return Cost(seconds, 0.0, found.disk, seconds)


def _kind(entry: PlannedRun) -> tuple[object, ...]:
    run = entry.run
    return run.architecture, run.image_size, run.width, run.precision, run.batch
