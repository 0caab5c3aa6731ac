"""The command line: parses, checks everything that can be wrong, then does what is missing."""

import argparse
from collections.abc import Callable, Sequence
import os
from pathlib import Path
import signal
import sys

from benchmarks import ARTEFACTS, TUNINGS
from benchmarks.harness import inspection, overview, sweep
from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.fid_weights import measurable
from benchmarks.harness.freeze import tune
from benchmarks.harness.option_values import check_values
from benchmarks.harness.parser import parser
from benchmarks.harness.planning import plan
from benchmarks.harness.resolve import UserMethod
from benchmarks.harness.selection import Selection, asked_curves, select
from benchmarks.harness.spec import Artefact
from benchmarks.harness.store import Store
from benchmarks.harness.user_data import read as read_data
from benchmarks.harness.verify import verify

COMMANDS: dict[str, Callable[[list[Selection], Store, argparse.Namespace], int]] = {
    "list": overview.list_artefacts, "plan": plan, "status": overview.status,
    "cancel": inspection.cancel, "verify": verify,
}

def named(name: str) -> list[Artefact]:
    """The artefact of that name, or of that name's first part: fig1 is fig1-synthetic."""
    for candidate in ARTEFACTS.values():
        if name in (candidate.name, candidate.name.split("-")[0]):
            return [candidate]
    if name in COMMANDS:
        raise UsageError(f"the command comes first: bench.py {name} NAME...")
    for grid in TUNINGS.values():
        if name == grid.name:
            return [grid]
    if name == "tune":
        raise UsageError("the command comes first: bench.py tune TABLE; to look one up, name its "
                         f"grid: {', '.join(grid.name for grid in TUNINGS.values())}")
    known = [*ARTEFACTS, *COMMANDS, "tune", "classifier", "speed", "logs", "all"]
    raise unknown("artefact or command", name, known)


def tuned(name: str) -> list[Artefact]:
    """The grids by which a table's lambdas are chosen: table2 has table2-a1 and table2-a2."""
    found = [item for key, item in TUNINGS.items()
             if name in (key, key.rpartition("-")[0], item.name, "all")]
    if not found:
        raise unknown("table to tune", name, TUNINGS)
    return found


def _own_methods(paths: Sequence[str]) -> list[UserMethod]:
    if not paths:
        return []
    from benchmarks.harness.user import read  # imports torch
    return [read(Path(path).resolve()) for path in paths]


def _classifier(options: argparse.Namespace, rest: list[str]) -> int:
    if rest:
        raise UsageError(f"classifier takes no names, not {rest[0]!r}")
    options.paths, _ = read_data(options.datasets)
    from benchmarks.harness.teaching import teach  # imports torch
    return teach(options)


def _speed(options: argparse.Namespace, rest: list[str]) -> int:
    if rest:
        raise UsageError(f"speed takes no names, not {rest[0]!r}")
    from benchmarks.speed.run import speed  # imports torch
    return speed(options)


def _dispatch(arguments: Sequence[str]) -> int:
    known = parser()
    options = known.parse_intermixed_args(arguments)
    if not options.words:
        known.print_help()
        return 2
    check_values(options)
    first, *rest = options.words
    if first == "classifier":
        return _classifier(options, rest)
    if first == "speed":
        return _speed(options, rest)
    if first == "logs":
        return inspection.logs(rest, options)
    names = rest if first in (*COMMANDS, "tune") else options.words
    if first == "tune" and not names:
        raise UsageError(f"tune takes the name of a table: {', '.join(TUNINGS)}")
    if first == "cancel" and not names:
        raise UsageError("cancel takes the names of artefacts, or all")
    if first != "tune" and ((first in COMMANDS and not names) or "all" in names):
        names = list(ARTEFACTS)
    own = _own_methods(options.own)
    options.paths, data = read_data(options.datasets)
    found = map(tuned if first == "tune" else named, names)
    chosen = {item.name: item for items in found for item in items}
    asked = asked_curves(ARTEFACTS.values(), options.scale, data, options.precision)
    selections = [select(item, options.scale, options.seeds, options.methods, own, data, asked,
                         options.precision)
                  for item in chosen.values()]
    store = Store(options.cache_dir.resolve() / "runs")
    options.to_train = first not in COMMANDS and not options.redraw
    selections = [measurable(selection, store, options) for selection in selections]
    action = (COMMANDS | {"tune": tune}).get(first, sweep.run)
    return action(selections, store, options)


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # workers checkpoint on both
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()  # here, where a reader that is gone is expected
        return status
    except UsageError as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads has seen enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return 1
    except OSError as error:  # a full disk, say: every file is whole, so going on later is safe
        print(f"bench.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 1
