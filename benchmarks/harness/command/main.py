"""The command line: parses, checks everything that can be wrong, then does what is missing."""

import argparse
from collections.abc import Callable, Sequence
import os
from pathlib import Path
import signal
import sys

from benchmarks import ARTEFACTS, TUNINGS
from benchmarks.ambiguities import AMBIGUITIES
from benchmarks.harness.command import status, sweep
from benchmarks.harness.command.arguments import check_values, parser, wanted
from benchmarks.harness.command.arguments import read_datasets as read_data
from benchmarks.harness.command.preflight import measurable
from benchmarks.harness.command.status import plan
from benchmarks.harness.command.tune import tune
from benchmarks.harness.command.verify import verify
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.hyperparameters import UserMethod
from benchmarks.harness.spec.selection import Selection, asked_curves, select
from benchmarks.harness.store.run_folder import Store

COMMANDS: dict[str, Callable[[list[Selection], Store, argparse.Namespace], int]] = {
    "list": status.list_artefacts, "plan": plan, "status": status.status,
    "cancel": status.cancel, "verify": verify,
}


def _own_methods(paths: Sequence[str]) -> list[UserMethod]:
    if not paths:
        return []
    from benchmarks.harness.train.user_method import read  # imports torch
    return [read(Path(path).resolve()) for path in paths]


def _classifier(options: argparse.Namespace) -> int:
    options.paths, _ = read_data(options.datasets)
    from benchmarks.harness.train.classifier_training import teach  # imports torch
    return teach(options)


def _speed(options: argparse.Namespace) -> int:
    from benchmarks.speed.command import speed
    return speed(options)


def _shown(options: argparse.Namespace) -> list[Selection]:
    """What a report is of: at the paper's scale, what has been made small too."""
    scales = ("paper", "mini") if options.scale == "paper" else (options.scale,)
    store, options.to_train = Store(options.cache_dir.resolve() / "runs"), False
    return [measurable(select(item, scale, None, None, ()), store, options) for scale in scales
            for item in (*ARTEFACTS.values(), *TUNINGS.values())]


def _report(options: argparse.Namespace) -> int:
    from benchmarks.report.command import report  # imports pandas and jinja2
    return report(_shown(options), AMBIGUITIES, options)


def _findings(options: argparse.Namespace) -> int:
    from benchmarks.report.findings import findings
    return findings(_shown(options), AMBIGUITIES, options)


ALONE = {"classifier": _classifier, "speed": _speed, "report": _report, "findings": _findings}


def _dispatch(arguments: Sequence[str]) -> int:
    known = parser()
    options = known.parse_intermixed_args(arguments)
    if not options.words:
        known.print_help()
        return 2
    check_values(options)
    first, *rest = options.words
    if first in ALONE:
        if rest:
            raise UsageError(f"{first} takes no names, not {rest[0]!r}")
        return ALONE[first](options)
    if first == "logs":
        return status.logs(rest, options)
    own = _own_methods(options.own)
    options.paths, data = read_data(options.datasets)
    known_as = first if first in (*COMMANDS, "tune") else ""
    chosen = wanted(known_as, rest if known_as else options.words, ARTEFACTS, TUNINGS)
    asked = asked_curves(ARTEFACTS.values(), options.scale, data, options.precision)
    selections = [select(item, options.scale, options.seeds, options.methods, own, data, asked,
                         options.precision)
                  for item in chosen]
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
