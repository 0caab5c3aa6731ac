"""The command: parses the words, checks everything, then runs the action."""

from argparse import Namespace
from collections.abc import Sequence
from functools import partial
import os
from pathlib import Path
import signal
import sys

from benchmarks import ARTEFACTS, TUNINGS
from benchmarks.ambiguities import AMBIGUITIES
from benchmarks.derived_claims import CLAIMS, PARTS
from benchmarks.harness.command import collect, status, sweep
from benchmarks.harness.command.arguments import (
    CHANGING,
    SELECTING,
    TRAINING,
    Command,
    check_values,
    parser,
    read_datasets,
    wanted,
)
from benchmarks.harness.command.preflight import measurable
from benchmarks.harness.command.tune import tune, with_own_weights
from benchmarks.harness.command.verify import verify
from benchmarks.harness.console import say
from benchmarks.harness.errors import LostGpuError, UsageError
from benchmarks.harness.spec.hyperparameters import UserMethod
from benchmarks.harness.spec.selection import Selection, asked_curves, select
from benchmarks.harness.store.processors import cores
from benchmarks.harness.store.run_folder import Store


def _classifier(names: Sequence[str], options: Namespace) -> int:
    if len(names) > 1:
        raise UsageError(f"classifier takes one name, not {' '.join(names)!r}")
    options.paths, _ = read_datasets(options.datasets)
    options.jobs = options.jobs or cores()
    from benchmarks.harness.train.classifier_training import train_classifier  # imports torch
    return train_classifier(names[0] if names else "cifar10", options)


def _speed(options: Namespace) -> int:
    from benchmarks.speed.command import speed
    return speed(options)


def _shown(options: Namespace) -> list[Selection]:
    """The selections of a report: at the paper's scale, those of mini scale too."""
    scales = ("paper", "mini") if options.scale == "paper" else (options.scale,)
    store, options.to_train = Store(options.cache_dir / "runs"), False
    return [measurable(select(item, scale, None, None, ()), store, options) for scale in scales
            for item in (*ARTEFACTS.values(), *TUNINGS.values())]


def _report(options: Namespace) -> int:
    from benchmarks.report.command import report  # imports pandas and jinja2
    return report(_shown(options), AMBIGUITIES, CLAIMS, PARTS, options)


def _findings(options: Namespace) -> int:
    from benchmarks.report.findings import findings
    return findings(_shown(options), AMBIGUITIES, CLAIMS, PARTS, options)


WITHOUT_RUNS = (*TRAINING, *SELECTING)
READING = (*WITHOUT_RUNS, *CHANGING)
COMMANDS = {
    "plan": Command("plan NAME...", "what that would train, and how long it takes; trains nothing",
                    status.plan, unused=("redraw",)),
    "list": Command("list", "the artefacts and their state", status.list_artefacts),
    "status": Command("status",
                      "every run that is done, running, queued, failed, diverged or lost",
                      status.status),
    "report": Command("report", "one page with all of it, to look at or to send", _report,
                      "nothing", READING, reads_results=True),
    "findings": Command("findings",
                        "what was found, in words: results/FINDINGS.md, and how README.md opens",
                        _findings, "nothing", READING, reads_results=True),
    "verify": Command("verify", "the verdict on every claim; 0 if every artefact is complete",
                      partial(verify, claims=CLAIMS, parts=PARTS), reads_results=True),
    "logs": Command("logs RUN", "what a run printed; status names the runs", status.logs, "words",
                    READING),
    "cancel": Command("cancel NAME...", "ends the cluster's jobs for an artefact", status.cancel),
    "collect": Command("collect NAME...", "takes in runs of other machines (--from) and publishes "
                       "what there is; trains nothing", collect.collect),
    "pack": Command("pack NAME... FILE", "packs finished runs into a .tar.xz, to be collected "
                    "elsewhere", collect.pack),
    "tune": Command("tune TABLE",
                    "chooses lambda for the table's regularizers, on validation images", tune,
                    "tables", ()),
    "classifier": Command(
        "classifier NAME", "trains the network behind fd_cifar10 (cifar10, the default: about an "
        "hour on two cores) or fd_mnist (mnist: half an hour)", _classifier, "words", WITHOUT_RUNS),
    "speed": Command("speed", "times the suite on this machine, beside what people use today",
                     _speed, "nothing", WITHOUT_RUNS)}


def _dispatch(arguments: Sequence[str]) -> int:
    known = parser(COMMANDS)
    options = known.parse_intermixed_args(arguments)
    if not options.words:
        known.print_help()
        return 2
    check_values(options, COMMANDS)
    first, *rest = options.words
    command = COMMANDS.get(first)
    if command and command.takes == "nothing":
        if rest:
            raise UsageError(f"{first} takes no names, not {rest[0]!r}")
        return command.action(options)
    if command and command.takes == "words":
        return command.action(rest, options)
    own = list[UserMethod]()
    if options.own:
        from benchmarks.harness.train.user_method import read  # imports torch
        own = [read(Path(path).resolve()) for path in options.own]
    options.paths, data = read_datasets(options.datasets)
    if data and command in (None, COMMANDS["plan"]):
        say(data.understood)
    chosen = wanted(first if command else "", rest if command else options.words, ARTEFACTS,
                    TUNINGS, COMMANDS)
    # of a cluster's runs, other processes alone change the state
    store = Store(options.cache_dir / "runs", remembers=options.cluster == "slurm")
    options.to_train = not options.redraw and (command is None or command.takes == "tables")
    if own or ":" in (options.methods or ""):
        chosen = [with_own_weights(item, own, data, store, options) for item in chosen]
    asked = asked_curves(ARTEFACTS.values(), options.scale, data, options.precision)
    selections = [select(item, options.scale, options.seeds, options.methods, own, data, asked,
                         options.precision)
                  for item in chosen]
    used = {arm.run.dataset for selection in selections for arm in selection.arms}
    for name in options.paths:
        if name not in used:
            say(f"note: nothing that is selected here is trained on {name}")
    selections = [measurable(selection, store, options) for selection in selections]
    action = command.action if command else sweep.run
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
    except BrokenPipeError:  # the reader has closed the pipe, as `| head` does
        _discard_output()
        return 1
    except (OSError, LostGpuError) as error:  # every file is whole, so going on later is safe
        print(f"bench.py: {error}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:  # it was the output's
            _discard_output()
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 1


def _discard_output() -> None:
    """Sends what standard output still holds nowhere: its flush at exit would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
