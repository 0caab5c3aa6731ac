"""The command line: parses, checks everything that can be wrong, then does what is missing."""

import argparse
from collections.abc import Callable, Sequence
import difflib
import os
from pathlib import Path
import re
import signal
import sys
from typing import NoReturn

from benchmarks import ARTEFACTS
from benchmarks.harness import overview, sweep
from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.launch import LAUNCHERS, cores
from benchmarks.harness.provenance import ROOT
from benchmarks.harness.resolve import UserMethod
from benchmarks.harness.selection import Selection, select
from benchmarks.harness.spec import SCALES, Artefact
from benchmarks.harness.store import Store
from benchmarks.harness.user_data import read as read_data

COMMANDS: dict[str, Callable[[list[Selection], Store, argparse.Namespace], int]] = {
    "list": overview.list_artefacts, "plan": overview.plan, "status": overview.status,
}
DESCRIPTION = "Regenerates the MoCA paper's figures and tables, with a verdict per claim."
DATA_DIR = "WAE_BENCH_DATA_DIR"
EPILOG = """commands:
  NAME... | all    do what is missing, then write CSVs, figure and verdicts
  plan NAME...     what that would train, and how long it takes; trains nothing
  list             the artefacts and their state
  status           every run that is done, running, failed, diverged or lost

exit status: 0 complete, 1 something failed or is missing, 2 bad usage"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are UsageErrors with the nearest option named."""

    def error(self, message: str) -> NoReturn:
        """Raises the one line that `main` prints."""
        options = [option for action in self._actions for option in action.option_strings]
        for word in re.findall(r"--[\w-]+", message):
            near = difflib.get_close_matches(word, options, n=1)
            if near and word not in options:
                raise UsageError(f"unknown option {word}; did you mean {near[0]}?")
        raise UsageError(f"{message}; see --help")


def _parser() -> Parser:
    parser = Parser(prog="bench.py", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="COMMAND|NAME", help="see below")
    parser.add_argument("--scale", default="paper", help=f"{', '.join(SCALES)} (default: paper)")
    parser.add_argument("--cluster", default="local", help="local: a pool of processes (default); "
                        "debug: in this process, one run after the other")
    parser.add_argument("--seeds", type=int, metavar="N", help="the first N seeds")
    parser.add_argument("--methods", metavar="M,M:NAME=VALUE", help="only these methods; with a "
                        "setting, an arm of your own such as moca:tau=0.3:K=500")
    parser.add_argument("--with", dest="own", action="append", default=[], metavar="FILE.py",
                        help="add the method defined in this file")
    parser.add_argument("--redraw", action="store_true", help="draw the figure from data.csv again")
    parser.add_argument("--rerun", action="store_true", help="train the selected runs anew")
    parser.add_argument("--retry-failed", action="store_true", help="train failed runs again")
    parser.add_argument("--device", default="auto", help="cpu, cuda, ... (default: the fastest)")
    parser.add_argument("--jobs", type=int, default=cores(), metavar="N",
                        help="processes of --cluster local (default: one a core, %(default)s here)")
    parser.add_argument("--checkpoint-seconds", type=float, default=120.0, metavar="S",
                        help="time between checkpoints of a run (default: %(default)g)")
    parser.add_argument("--dataset", dest="datasets", action="append", default=[],
                        metavar="NAME=PATH", help="your own images in the place of an artefact's "
                        "(a folder or zip file), or where a known data set lies")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", default=os.environ.get(DATA_DIR),
                        help=f"where data sets lie (default: ${DATA_DIR}, or download)")
    parser.add_argument("--results-dir", type=Path, default=ROOT / "results", metavar="DIR")
    parser.add_argument("--cache-dir", type=Path, default=ROOT / ".cache", metavar="DIR")
    return parser


def artefact(name: str) -> Artefact:
    """The artefact of that name, or of that name's first part: fig1 is fig1-synthetic."""
    for candidate in ARTEFACTS.values():
        if name in (candidate.name, candidate.name.split("-")[0]):
            return candidate
    if name in COMMANDS:
        raise UsageError(f"the command comes first: bench.py {name} NAME...")
    raise unknown("artefact or command", name, [*ARTEFACTS, *COMMANDS, "all"])


def _check(options: argparse.Namespace) -> None:
    """Raises UsageError for an option value that makes no sense."""
    for kind, value, known in (("scale", options.scale, SCALES),
                               ("cluster", options.cluster, LAUNCHERS)):
        if value not in known:
            raise unknown(kind, value, known)
    for name in ("seeds", "jobs"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} must be at least 1, not {value}")
    if options.data_dir and not Path(options.data_dir).is_dir():
        raise UsageError(f"--data-dir: there is no folder {options.data_dir}")
    if not options.checkpoint_seconds >= 0:
        raise UsageError(f"--checkpoint-seconds cannot be {options.checkpoint_seconds:g}")


def _own_methods(paths: Sequence[str]) -> list[UserMethod]:
    if not paths:
        return []
    from benchmarks.harness.user import read  # imports torch
    return [read(Path(path).resolve()) for path in paths]


def _dispatch(arguments: Sequence[str]) -> int:
    parser = _parser()
    options = parser.parse_intermixed_args(arguments)
    if not options.words:
        parser.print_help()
        return 2
    _check(options)
    first, *rest = options.words
    names = rest if first in COMMANDS else options.words
    if (first in COMMANDS and not names) or "all" in names:
        names = list(ARTEFACTS)
    own = _own_methods(options.own)
    options.paths, data = read_data(options.datasets)
    chosen = {item.name: item for item in map(artefact, names)}
    selections = [select(item, options.scale, options.seeds, options.methods, own, data)
                  for item in chosen.values()]
    store = Store(options.cache_dir.resolve() / "runs")
    action = COMMANDS.get(first, sweep.run)
    return action(selections, store, options)


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # workers checkpoint on both
    try:
        return _dispatch(arguments)
    except UsageError as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, say: every file is whole, so going on later is safe
        print(f"bench.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 1
