"""What can be wrong about the options' values, and what those that were not given are."""

from argparse import Namespace
from pathlib import Path

from benchmarks.harness.command.naming import ALONE, COMMANDS
from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.launch.launchers import LAUNCHERS, cores
from benchmarks.harness.launch.resources import overrides
from benchmarks.harness.spec.claims import SCALES
from benchmarks.harness.spec.run import CHOICES
from benchmarks.harness.train import gpus

AT_LEAST_1 = ("seeds", "jobs", "runs_per_job", "runs_per_gpu")
IDLE = tuple(command for command in COMMANDS if command not in ("plan", "tune"))
NO_RUNS = (*ALONE, "logs")
READERS = ("report", "findings", "logs")
JUDGES = ("verify", "report", "findings")  # of what is there, so it must be there
IDLE_FOR = {"redraw": (*IDLE, "plan"), "rerun": IDLE, "retry_failed": IDLE, "methods": NO_RUNS,
            "own": NO_RUNS, "seeds": NO_RUNS, "datasets": READERS, "precision": READERS}
SPELT = {"own": "with", "datasets": "dataset"}  # other than as they are kept
MOST_SEEDS = 1000  # a slip of the finger would keep a core busy with naming runs


def check_values(options: Namespace) -> None:
    """Raises UsageError for an option value that makes no sense; says how many --jobs there are."""
    precisions = (None, *CHOICES["precision"])
    for kind, value, known in (("scale", options.scale, SCALES),
                               ("cluster", options.cluster, LAUNCHERS),
                               ("precision", options.precision, precisions)):
        if value not in known:
            raise unknown(kind, value, filter(None, known))
    overrides(options.slurm)
    for name in AT_LEAST_1:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
    if options.seeds and options.seeds > MOST_SEEDS:
        raise UsageError(f"--seeds can be {MOST_SEEDS} at most, not {options.seeds}")
    _check_cluster(options)
    _check_report(options)
    _check_company(options)
    if options.words[0] in JUDGES and options.scale != "smoke" and not options.results_dir.is_dir():
        raise UsageError(f"--results-dir: there is no folder {options.results_dir}")
    if options.data_dir and not Path(options.data_dir).is_dir():
        raise UsageError(f"--data-dir: there is no folder {options.data_dir}")
    if not options.checkpoint_seconds >= 0:
        raise UsageError(f"--checkpoint-seconds cannot be {options.checkpoint_seconds:g}")
    if options.jobs is None:
        options.jobs = gpus.asked(options.device) * options.runs_per_gpu or cores()


def _check_cluster(options: Namespace) -> None:
    for name in ("slurm", "wait", "runs_per_job"):
        if getattr(options, name) and options.cluster != "slurm":
            raise UsageError(f"--{name.replace('_', '-')} goes with --cluster slurm")
    if options.runs_per_gpu > 1 and options.cluster != "local":
        raise UsageError("--runs-per-gpu goes with --cluster local")


def _check_report(options: Namespace) -> None:
    for name in ("serve", "export"):
        if getattr(options, name) and options.words[0] != "report":
            raise UsageError(f"--{name} goes with report")
    if options.serve and options.export:
        raise UsageError("report takes one of --serve and --export at a time")


def _check_company(options: Namespace) -> None:
    """Raises UsageError for an option beside a command, or another option, that has no use for it.

    What is given and does nothing would be taken for done.
    """
    first = options.words[0]
    if options.redraw and (options.rerun or options.retry_failed):
        raise UsageError("--redraw draws what is there and trains nothing; leave one out")
    for name, commands in IDLE_FOR.items():
        if getattr(options, name) and first in commands:
            option = SPELT.get(name, name.replace("_", "-"))
            raise UsageError(f"--{option} does nothing for {first}; leave it out")
