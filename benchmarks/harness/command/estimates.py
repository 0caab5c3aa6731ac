"""What runs are thought to cost: what runs of the same arms did, by the results' provenance."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import StatisticsError, mean

from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.selection import Entry


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
            measured = _measured(path)
        except (ValueError, KeyError, TypeError, StatisticsError):
            raise UsageError(
                f"{path} is corrupt; restore it with git checkout, or remove it") from None
        return cls(measured, path) if measured else None

    def training(self, entry: Entry) -> float:
        """Seconds."""
        return entry.run.steps * self._typical(entry, "seconds")

    def measuring(self, entry: Entry) -> float:
        """Seconds."""
        return self._typical(entry, "measuring")

    def disk(self, entry: Entry) -> float:
        """Bytes."""
        return self._typical(entry, "bytes")

    def _typical(self, entry: Entry, name: str) -> float:
        if entry.arm.name in self.measured:
            return self.measured[entry.arm.name][name]
        return mean(values[name] for values in self.measured.values())


def _measured(provenance: Path) -> dict[str, dict[str, float]]:
    """Mean seconds per step and for measuring, and bytes, by arm, of the runs behind results."""
    content = json.loads(provenance.read_text())
    runs: dict[str, list[dict[str, float]]] = {}
    for run in content["runs"].values():
        run = content["shared"] | run
        runs.setdefault(run["arm"], []).append(
            {"seconds": run["train_seconds"] / run["steps"], "bytes": run["disk_bytes"],
             "measuring": run.get("measure_seconds", 0.0)})
    return {arm: {name: mean(run[name] for run in measured) for name in measured[0]}
            for arm, measured in runs.items()}
