"""What runs are thought to cost: what runs of the same arms did, by the results' provenance."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping
import csv
from functools import cache
from pathlib import Path
from statistics import StatisticsError, mean
from typing import Any, NamedTuple

from benchmarks.harness.errors import UsageError
from benchmarks.harness.results.read import read_provenance
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.selection import PlannedRun, Selection


class Estimates:
    """Costs by arm, and their mean for an arm that has none."""

    def __init__(self, measured: dict[str, dict[str, float]], path: Path) -> None:
        self.measured, self.path = measured, path  # where it was measured

    @classmethod
    def read(cls, results: Path) -> Estimates | None:
        """From a results folder; None where nothing has been measured yet.

        Raises UsageError if its provenance is corrupt.
        """
        path = results / "provenance.json"
        if not path.exists():
            return None
        try:
            measured = _measured(read_provenance(results))
        except (UsageError, KeyError, TypeError, StatisticsError):
            raise UsageError(
                f"{path} is corrupt; restore it with git checkout, or remove it") from None
        return cls(measured, path) if measured else None

    def training(self, entry: PlannedRun) -> float:
        """Seconds."""
        return entry.run.steps * self._typical(entry, "seconds")

    def measuring(self, entry: PlannedRun) -> float:
        """Seconds."""
        return self._typical(entry, "measuring")

    def disk(self, entry: PlannedRun) -> float:
        """Bytes."""
        return self._typical(entry, "bytes")

    def _typical(self, entry: PlannedRun, name: str) -> float:
        if entry.arm.name in self.measured:
            return self.measured[entry.arm.name][name]
        return mean(values[name] for values in self.measured.values())


def _measured(provenance: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Mean seconds per step and for measuring, and bytes, by arm, of the runs behind results."""
    runs: dict[str, list[dict[str, float]]] = {}
    for run in provenance["runs"].values():
        run = provenance["shared"] | run
        runs.setdefault(run["arm"], []).append(
            {"seconds": run["train_seconds"] / run["steps"], "bytes": run["disk_bytes"],
             "measuring": run.get("measure_seconds", 0.0)})
    return {arm: {name: mean(run[name] for run in measured) for name in measured[0]}
            for arm, measured in runs.items()}


ASSUMED_RATE = 2e13  # operations a second that one GPU is taken to sustain in single precision
PASSES = 3  # forward, and backward twice as much
SHAPES = {"mnist": (1, 28, 28), "procedural-28": (1, 28, 28)}
NETWORK_COSTS = Path(__file__).with_name("network_costs.csv")


class NetworkCost(NamedTuple):
    """What an encoder and a decoder take."""

    encoder: int  # floating-point operations per image
    decoder: int  # and per code
    weights: int  # of both


def training_operations(run: Run) -> float:
    """Floating-point operations of the whole training, by torch's own counter."""
    keys = dict(run.hyper).get("K")  # then a key encoder runs along, forward only
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
    side = run.image_size or 32
    shape = ((100,) if run.dataset.startswith("synthetic")
             else SHAPES.get(run.dataset, (3, side, side)))
    return run.architecture, "x".join(map(str, shape)), run.dim, run.width or 1.0


@cache
def network_cost(architecture: str, shape: str, dim: int, width: float) -> NetworkCost:
    """From the table; counted where it has no such networks, for which torch is imported."""
    known = _network_costs().get((architecture, shape, str(dim), str(width)))
    return known or counted(architecture, shape, dim, width)


@cache
def _network_costs() -> dict[tuple[str, ...], NetworkCost]:
    with open(NETWORK_COSTS, newline="") as file:
        _, *rows = csv.reader(file)
    return {tuple(row[:4]): NetworkCost(*map(int, row[4:])) for row in rows}


def counted(architecture: str, shape: str, dim: int, width: float) -> NetworkCost:
    """Of networks on no device: shapes, and no numbers."""
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
    """What a run took of those with the same arm or, failing that, network, size and precision."""

    def __init__(self, selections: Iterable[Selection], options: Namespace) -> None:
        self.own: dict[str, Estimates] = {}
        self.alike: dict[tuple[object, ...], tuple[Estimates, PlannedRun]] = {}
        for selection in selections:
            folder = selection.results(options.results_dir, options.cache_dir)
            known = Estimates.read(folder)
            if known is None:
                continue
            self.own[selection.artefact.name] = known
            for entry in selection.entries():
                if entry.arm.name in known.measured:
                    self.alike.setdefault(_kind(entry), (known, entry))

    def of(self, artefact: str, entry: PlannedRun, *, to_train: bool) -> Cost:
        """Of one run; of measuring alone where it is trained already."""
        known = self.own.get(artefact)
        if known is None or entry.arm.name not in known.measured:
            known, like = self.alike.get(_kind(entry), (None, entry))
        else:
            like = entry
        if known is None:
            work = training_operations(entry.run) if to_train else 0.0
            return Cost(0.0, work, disk_bytes(entry.run) if to_train else 0.0,
                        work / ASSUMED_RATE)
        measuring = known.measuring(like)
        if not to_train:
            return Cost(measuring)
        seconds = known.training(like) * entry.run.steps / like.run.steps + measuring
        return Cost(seconds, 0.0, known.disk(like), seconds)


def _kind(entry: PlannedRun) -> tuple[object, ...]:
    run = entry.run
    return run.architecture, run.image_size, run.width, run.precision, run.batch
