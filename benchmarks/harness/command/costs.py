"""Estimated costs of runs: measured ones of similar runs, else counted operations.

Seconds on a processor say nothing of those on a GPU, nor do those in one precision of another."""

from __future__ import annotations

from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple, TypeVar

from benchmarks.harness.errors import UsageError
from benchmarks.harness.launch.launchers import kind_of_device
from benchmarks.harness.results.read import read_provenance, runs_of
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.selection import PlannedRun, Selection
from benchmarks.harness.spec.user_data import shape_of


class Estimate(NamedTuple):
    """Cost of one run."""

    training: float  # seconds
    measuring: float  # seconds
    disk: float  # bytes


class Estimates:
    """Measured costs by kind of device, precision and arm; training per step."""

    def __init__(self, measured: dict[tuple[str, str], dict[str, Estimate]]) -> None:
        self.measured = measured

    @classmethod
    def read(cls, selection: Selection, options: Namespace) -> Estimates:
        """Reads them from the provenance in the selection's results folder.

        Raises UsageError if the provenance is corrupt."""
        folder = selection.results(options.results_dir, options.cache_dir)
        # earlier provenance lacks it; arms picked by hand are found in any
        declared = {} if selection.custom else {arm.name: arm.run.precision
                                                for arm in selection.arms}
        runs: dict[tuple[str, str], dict[str, list[Estimate]]] = defaultdict(dict)
        try:
            for run in runs_of(read_provenance(folder)).values():
                precision = run.get("precision", declared.get(run["arm"]))
                if precision:
                    arms = runs[_kind(run["device"]), precision]
                    arms.setdefault(run["arm"], []).append(_measured(run))
        except (UsageError, KeyError, TypeError, ZeroDivisionError, AttributeError):
            raise UsageError(f"{folder / 'provenance.json'} is corrupt; restore it with "
                             "git checkout, or remove it") from None
        return cls({kind: {arm: _mean(each) for arm, each in arms.items()}
                    for kind, arms in runs.items()})

    def arms(self, device: str, precision: str) -> dict[str, Estimate]:
        """The measured arms."""
        return self.measured.get((device, precision), {})

    def of(self, entry: PlannedRun, device: str) -> Estimate | None:
        """The cost of a run; of an arm that was not measured, the mean. None without any."""
        arms = self.arms(device, entry.run.precision)
        if not arms:
            return None
        found = arms.get(entry.arm.name) or _mean(arms.values())
        return found._replace(training=entry.run.steps * found.training)


def _kind(device: str) -> str:
    return device.partition(":")[0]


def _measured(run: dict[str, Any]) -> Estimate:
    """A run's cost, without measures that were taken on another kind of device."""
    measuring = sum(measure["seconds"] for measure in run.get("measures", {}).values()
                    if _kind(measure.get("device", run["device"])) == _kind(run["device"]))
    return Estimate(run["train_seconds"] / run["steps"], measuring, run["disk_bytes"])


def _mean(estimates: Iterable[Estimate]) -> Estimate:
    return Estimate(*map(mean, zip(*estimates, strict=True)))


# operations a second that a core or a GPU is taken to sustain, by precision
CORE_RATES = {"fp32": 5e10, "tf32": 5e10, "bf16": 5e10}
GPU_RATES = {"fp32": 2e13, "tf32": 5e13, "bf16": 1e14}
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


@dataclass(frozen=True)
class Cost:
    """Cost of runs."""

    seconds: Mapping[str, float] = field(default_factory=dict)  # measured, by kind of device
    # of runs without a measured one like them, by kind of device and precision
    operations: Mapping[tuple[str, str], float] = field(default_factory=dict)
    disk: float = 0.0  # bytes
    longest: float = 0.0  # seconds of the longest run

    def __add__(self, other: Cost) -> Cost:
        """The sum; `longest` is the longer one."""
        return Cost(_sum(self.seconds, other.seconds), _sum(self.operations, other.operations),
                    self.disk + other.disk, max(self.longest, other.longest))

    def told(self, processes: Callable[[str], int]) -> str:
        """The cost in one line; `processes`: how many work on a kind of device."""
        parts = []
        for device, seconds in sorted(self.seconds.items()):
            minutes, jobs = seconds / 60, processes(device)
            parts.append(f"about {minutes:.1f} {_unit(device)}-minutes, {minutes / jobs:.1f} "
                         f"minutes on {jobs} processes, as measured of runs like them")
        for (device, precision), operations in sorted(self.operations.items()):
            rate = _rate(device, precision)
            parts.append(f"{operations:.2g} operations, {_span(operations / rate)} of a "
                         f"{_unit(device)} at {rate:.0e} a second in {precision}, as counted: "
                         "none was measured")
        return (f"{'; '.join(parts)}; longest run {_span(self.longest)}; "
                f"{self.disk / 2**20:.1f} MiB of disk")


K = TypeVar("K")


def _sum(one: Mapping[K, float], other: Mapping[K, float]) -> dict[K, float]:
    return {key: one.get(key, 0.0) + other.get(key, 0.0) for key in {**one, **other}}


def _unit(device: str) -> str:
    return "core" if device == "cpu" else "GPU"


def _rate(device: str, precision: str) -> float:
    return (CORE_RATES if device == "cpu" else GPU_RATES)[precision]


def _span(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"


class Costs:
    """Costs by measured runs of the same arm, else of the same network and size."""

    def __init__(self, selections: Iterable[Selection], options: Namespace) -> None:
        self.own: dict[str, tuple[Estimates, str]] = {}  # and the kind of device to be used
        self.alike: dict[tuple[object, ...], Estimate] = {}
        for selection in selections:
            artefact, known = selection.artefact, Estimates.read(selection, options)
            self.own[artefact.name] = known, kind_of_device(
                artefact.resources[selection.scale], options)
            for entry in selection.entries():
                for device, precision in known.measured:
                    found = known.arms(device, precision).get(entry.arm.name)
                    if found and precision == entry.run.precision:
                        self.alike.setdefault(_like(entry.run, device), found)

    def of(self, artefact: str, entry: PlannedRun, *, to_train: bool) -> Cost:
        """Cost of one run; of measuring alone if it is trained already."""
        run, (known, device) = entry.run, self.own[artefact]
        found = (known.arms(device, run.precision).get(entry.arm.name)
                 or self.alike.get(_like(run, device)))
        if found is None:
            if not to_train:
                return Cost()
            work = training_operations(run)
            return Cost({}, {(device, run.precision): work}, disk_bytes(run),
                        work / _rate(device, run.precision))
        if not to_train:
            return Cost({device: found.measuring})
        seconds = found.training * run.steps + found.measuring
        return Cost({device: seconds}, {}, found.disk, seconds)


def _like(run: Run, device: str) -> tuple[object, ...]:
    return run.architecture, run.image_size, run.width, run.batch, run.precision, device
