"""Options of training that do not change results, and the resources of cluster jobs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
import re
from typing import Any

from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.artefact import Resources


@dataclass(frozen=True)
class SlurmOptions:
    """Options for a cluster."""

    cache: Path  # on a file system that all nodes share
    name: str  # of the artefact
    needs: Resources  # of one run
    seconds: Mapping[str, float] = field(default_factory=dict)  # estimated, by run key
    own: Mapping[str, str] = field(default_factory=dict)  # the user's options for sbatch
    runs_per_job: int | None = None
    wait: bool = False


@dataclass(frozen=True)
class Options:
    """Options of training; none changes a run's numbers on one machine."""

    data: Path  # the folder of packed data sets
    device: str = "auto"
    jobs: int = 1
    checkpoint_seconds: float = 120.0
    plain: bool = False  # step by step as written: no CUDA graph, no channels-last images
    runs_per_gpu: int = 1
    slurm_options: SlurmOptions | None = None  # with --cluster slurm

    @property
    def slurm(self) -> SlurmOptions:
        """The SLURM options; asserts that they are set."""
        assert self.slurm_options is not None, "the slurm launcher was not told how to send runs"
        return self.slurm_options


LEAST_MINUTES = 15  # below it, submitit takes every signal for a time-out
MARGIN = 3  # limit / estimate, which is from another machine
START_MINUTES = 10  # for importing torch from a slow file system, and a first look at the data
RESERVED = ("array", "job_name", "output", "error", "open_mode", "chdir", "requeue", "wrap",
            "parsable", "quiet", "wait", "test_only", "help", "usage", "version")
FLAGS = ("exclusive", "contiguous", "no_kill", "overcommit", "oversubscribe", "spread_job",
         "use_min_nodes", "reboot", "hold", "no_requeue", "ignore_pbs", "get_user_env", "propagate",
         "verbose")  # options of sbatch that need no value
REPLACES = {"gres": "gpus_per_node", "gpus": "gpus_per_node", "gpus_per_task": "gpus_per_node",
            "mem_per_cpu": "mem", "mem_per_gpu": "mem", "cpus_per_gpu": "cpus_per_task",
            "no_requeue": "requeue"}  # user's key -> our parameter
TIME = re.compile(r"(?:(?P<days>\d+)-(?P<of_day>\d+)|(?P<hours>\d+))(?::(?P<minutes>\d+))?"
                  r"(?::(?P<seconds>\d+))?")


def overrides(words: Iterable[str]) -> dict[str, str]:
    """The user's KEY=VALUE words as a dictionary; the value of a flag without one is empty.

    Raises UsageError for other words and reserved keys."""
    found = {}
    for word in words:
        key, _, value = word.partition("=")
        key = key.strip().lstrip("-").replace("-", "_")
        if not key or (not value and key not in FLAGS):
            raise UsageError(f"--slurm takes KEY=VALUE, such as partition=gpu, not {word!r}")
        if key in RESERVED:
            raise UsageError(f"--slurm {key}: the suite sets this itself")
        found[key] = value
    if "time" in found:
        minutes(found["time"])
    return found


def minutes(time: str) -> int:
    """A time limit in any of sbatch's formats, such as 90, 1:30:00 or 2-12, in minutes."""
    found = TIME.fullmatch(time)
    if not found:
        raise UsageError(f"--slurm time={time}: not a time; write minutes, HH:MM:SS or D-HH:MM:SS")
    part = {name: int(value or 0) for name, value in found.groupdict().items()}
    if found["days"] is not None:
        return part["days"] * 1440 + part["of_day"] * 60 + part["minutes"] + _up(part["seconds"])
    if found["seconds"] is not None:
        return part["hours"] * 60 + part["minutes"] + _up(part["seconds"])
    return part["hours"] + _up(part["minutes"])  # minutes, or minutes:seconds


def _up(seconds: int) -> int:
    return -(-seconds // 60)


def parameters(
    needs: Resources, runs: int, seconds: float | None, own: Mapping[str, str],
    known: Iterable[str],
) -> dict[str, Any]:
    """Submitit's parameters for a job of that many runs, estimated to take `seconds`.

    `known` are the names of submitit's own parameters; others are passed on to sbatch."""
    expected = needs.minutes * runs if seconds is None else MARGIN * seconds / 60
    found: dict[str, Any] = {
        "time": max(LEAST_MINUTES, round(START_MINUTES + expected)),
        "cpus_per_task": needs.cpus, "mem": f"{needs.memory_gb}GB",
        "requeue": True,
    } | ({"gpus_per_node": needs.gpus} if needs.gpus else {})
    others: dict[str, str | bool] = {}
    for key, value in own.items():
        found.pop(REPLACES.get(key, ""), None)
        if key == "time":
            found[key] = minutes(value)
        elif key == "setup":
            found[key] = [value]
        elif key in known:
            found[key] = int(value) if value.isdecimal() else value or True
        else:
            others[key.replace("_", "-")] = value or True
    if found.pop("requeue", False):
        others["requeue"] = True
    return found | {"additional_parameters": others}


def asks_for_gpu(needs: Resources, own: Mapping[str, str]) -> bool:
    """Whether a job of such runs asks SLURM for a GPU."""
    asked = parameters(needs, 1, None, own, ["gpus_per_node"])
    return any(key.startswith("gpus") or (key.startswith(("gres", "tres")) and "gpu" in str(value))
               for key, value in {**asked, **asked["additional_parameters"]}.items()
               if not re.search(r"\b0$", str(value)))
