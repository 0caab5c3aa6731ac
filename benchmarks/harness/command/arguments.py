"""The command line's words and options: parsing, checks, names of artefacts."""

import argparse
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
import os
from pathlib import Path
import re
from typing import NamedTuple, NoReturn

from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.launch.options import overrides
from benchmarks.harness.spec.artefact import Artefact
from benchmarks.harness.spec.claims import SCALES
from benchmarks.harness.spec.run import CHOICES
from benchmarks.harness.spec.user_data import FILE_DATASETS, UserData
from benchmarks.harness.store.provenance import ROOT

DESCRIPTION = "Regenerates the MoCA paper's figures and tables, with a verdict per claim."
CLUSTERS = ("local", "slurm", "debug")
DATA_DIR = "WAE_BENCH_DATA_DIR"
AT_LEAST_1 = ("seeds", "jobs", "runs_per_job", "runs_per_gpu")
MOST_SEEDS = 1000  # a slip of the finger would keep a core busy with naming runs
TRAINING = ("redraw", "rerun", "retry_failed", "reuse")  # options of commands that train
SELECTING = ("methods", "own", "seeds")  # that select runs
CHANGING = ("datasets", "precision")  # that change runs
SPELT = {"own": "with", "datasets": "dataset", "source": "from"}  # other than as they are kept


class Command(NamedTuple):
    """A subcommand; `action` is called with what it `takes`, and the options."""

    usage: str
    says: str  # its line in --help
    action: Callable[..., int]
    # "artefacts" (without names: all) and "tables" (to tune) become selections and the store;
    # "words": the words themselves; "nothing": no words
    takes: str = "artefacts"
    unused: tuple[str, ...] = TRAINING  # options that do nothing for it
    reads_results: bool = False  # so the results folder must exist


Commands = Mapping[str, Command]


def epilog(commands: Commands) -> str:
    """The list of commands in --help."""
    rows = [("NAME... | all", "do what is missing, then write CSVs, figure and verdicts"),
            *((command.usage, command.says) for command in commands.values())]
    return "\n".join(["commands:", *(f"  {usage:<16} {says}" for usage, says in rows), "",
                      "exit status: 0 complete, 1 something failed or is missing, 2 bad usage"])


def folder(text: str) -> Path:
    """A path; not empty, as an unset variable would be: that means the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("is empty")
    return Path(text)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are UsageErrors that name the nearest option."""

    def error(self, message: str) -> NoReturn:
        """Raises UsageError with the line that `main` prints."""
        options = [option for action in self._actions for option in action.option_strings]
        for word in re.findall(r"--[\w-]+", message):
            near = get_close_matches(word, options, n=1)
            if near and word not in options:
                raise UsageError(f"unknown option {word}; did you mean {near[0]}?")
        raise UsageError(f"{message}; see --help")


def parser(commands: Commands) -> Parser:
    """The parser of all commands and options."""
    made = Parser(prog="bench.py", description=DESCRIPTION, epilog=epilog(commands),
                  allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("words", nargs="*", metavar="COMMAND|NAME", help="see below")
    made.add_argument("--scale", default="paper", help=f"{', '.join(SCALES)} (default: paper)")
    made.add_argument("--cluster", default="local", help="local: a pool of processes (default); "
                        "slurm: jobs of a cluster; debug: in this process, one run after the other")
    made.add_argument("--seeds", type=int, metavar="N", help="the first N seeds")
    made.add_argument("--methods", metavar="M,M:NAME=VALUE", help="only these methods; with a "
                        "setting, an arm of your own such as moca:tau=0.3:K=500")
    made.add_argument("--with", dest="own", action="append", default=[], metavar="FILE.py",
                        help="add the method defined in this file")
    made.add_argument("--redraw", action="store_true", help="draw the figure from data.csv again")
    made.add_argument("--rerun", action="store_true", help="train the selected runs again")
    made.add_argument("--reuse", action="store_true", help="do not train what the results folder "
                        "already holds under the same key")
    made.add_argument("--retry-failed", action="store_true", help="train failed runs again")
    _add_execution(made)
    _add_places(made)
    return made


def _add_execution(made: Parser) -> None:
    made.add_argument("--device", default="auto", help="cpu, cuda, ... (default: a GPU, "
                        "if there is one, for runs that are sized for it)")
    made.add_argument("--precision", metavar="P", help=f"{', '.join(CHOICES['precision'])}: train "
                        "in it (default: as declared, which is fp32)")
    made.add_argument("--plain", action="store_true", help="train step by step as written, without "
                        "CUDA graph and channels-last images")
    made.add_argument("--jobs", type=int, metavar="N", help="processes of --cluster local "
                        "(default: one a core or, on GPUs, --runs-per-gpu on each)")
    made.add_argument("--runs-per-gpu", type=int, metavar="N", default=1,
                        help="of --cluster local (default: %(default)s)")
    made.add_argument("--wait", action="store_true", help="with --cluster slurm: follow the jobs "
                        "to their end; Ctrl-C leaves them alone")
    made.add_argument("--runs-per-job", type=int, metavar="N", help="of --cluster slurm (default: "
                        "as many as are thought to take half an hour)")
    made.add_argument("--slurm", action="append", default=[], metavar="KEY=VALUE", help="for "
                        "sbatch, such as partition=gpu, time=4:00:00, setup='module load cuda'")
    made.add_argument("--checkpoint-seconds", type=float, default=120.0, metavar="S",
                        help="time between checkpoints of a run (default: %(default)g)")
    made.add_argument("--from", dest="source", type=folder, metavar="PATH", help="with collect: "
                      "another cache, or the archive of one, also split into parts")
    made.add_argument("--weights", action="store_true", help="with pack: the trained weights too, "
                      "so that more can be measured where the runs are collected")
    made.add_argument("--serve", nargs="?", const="127.0.0.1:8000", metavar="PORT", help="with "
                        "report: show it on this machine alone, with the state of running sweeps; "
                        "HOST:PORT for others to see (default: 127.0.0.1:8000)")
    made.add_argument("--export", type=folder, metavar="DIR", help="with report: its tables as "
                        "CSV, LaTeX and Markdown, with their sha256 sums")


def _add_places(made: Parser) -> None:
    made.add_argument("--dataset", dest="datasets", action="append", default=[],
                        metavar="NAME=PATH", help="your own images instead of an artefact's "
                        "(a folder, zip or tar file), or where a known data set lies")
    made.add_argument("--data-dir", type=folder, metavar="DIR",
                        default=os.environ.get(DATA_DIR) or None,
                        help=f"where data sets lie (default: ${DATA_DIR}, or download)")
    made.add_argument("--fid-weights", type=folder, metavar="FILE",
                        help="the Inception weights that fid needs (default: download them)")
    made.add_argument("--results-dir", type=folder, default=ROOT / "results", metavar="DIR",
                      help="of smoke scale, results stay in the cache (default: results)")
    made.add_argument("--cache-dir", type=folder, default=ROOT / ".cache", metavar="DIR",
                      help="runs, packed data, weights (default: .cache)")


def check_values(options: Namespace, commands: Commands) -> None:
    """Raises UsageError for a value that makes no sense; resolves paths."""
    precisions = (None, *CHOICES["precision"])
    for kind, value, known in (("scale", options.scale, SCALES),
                               ("cluster", options.cluster, CLUSTERS),
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
    _check_together(options)
    command = commands.get(options.words[0])
    check_unused_options(options, command.unused if command else ())
    reads = command is not None and command.reads_results
    if reads and options.scale != "smoke" and not options.results_dir.is_dir():
        raise UsageError(f"--results-dir: there is no folder {options.results_dir}")
    if options.data_dir and not Path(options.data_dir).is_dir():
        raise UsageError(f"--data-dir: there is no folder {options.data_dir}")
    if not options.checkpoint_seconds >= 0:
        raise UsageError(f"--checkpoint-seconds cannot be {options.checkpoint_seconds:g}")
    options.results_dir, options.cache_dir = (
        path.resolve() for path in (options.results_dir, options.cache_dir))


def _take_file(options: Namespace) -> None:
    """Takes the file off the words of `pack NAME... FILE`; raises UsageError without one."""
    *names, file = options.words[1:] or [""]
    if not names or not file.endswith(".tar.xz"):
        raise UsageError("pack takes names and a file: bench.py pack NAME... runs.tar.xz")
    options.words, options.file = ["pack", *names], Path(file)
    if not options.file.parent.is_dir():
        raise UsageError(f"pack: there is no folder {options.file.parent}")


def _check_together(options: Namespace) -> None:
    """Raises UsageError for options that need another one, or exclude each other."""
    if options.words[0] == "pack":
        _take_file(options)
    for name in ("slurm", "wait", "runs_per_job"):
        if getattr(options, name) and options.cluster != "slurm":
            raise UsageError(f"--{name.replace('_', '-')} goes with --cluster slurm")
    if options.runs_per_gpu > 1 and options.cluster != "local":
        raise UsageError("--runs-per-gpu goes with --cluster local")
    for name, command in (("serve", "report"), ("export", "report"), ("source", "collect"),
                          ("weights", "pack")):
        if getattr(options, name) and options.words[0] != command:
            raise UsageError(f"--{SPELT.get(name, name)} goes with {command}")
    if options.serve and options.export:
        raise UsageError("report takes one of --serve and --export at a time")


def check_unused_options(options: Namespace, unused: Sequence[str]) -> None:
    """Raises UsageError for an option that would do nothing: the user would take it for done."""
    if options.reuse and options.rerun:
        raise UsageError("--reuse takes over what --rerun would train again; leave one out")
    if options.redraw and (options.rerun or options.retry_failed):
        raise UsageError("--redraw draws what is there and trains nothing; leave one out")
    for name in (*TRAINING, *SELECTING, *CHANGING):
        if getattr(options, name) and name in unused:
            option = SPELT.get(name, name.replace("_", "-"))
            raise UsageError(f"--{option} does nothing for {options.words[0]}; leave it out")


Artefacts = Mapping[str, Artefact]


def wanted(
    command: str, names: Sequence[str], artefacts: Artefacts, grids: Artefacts, commands: Commands
) -> list[Artefact]:
    """The artefacts (for `tune`, grids) that the names stand for, each once; no names: all.

    Raises UsageError for an unknown name, also beside "all", and where a name is needed."""
    if command == "tune":
        if not names:
            raise UsageError(f"tune takes the name of a table: {', '.join(grids)}")
        found = []
        for name in names:  # table2 has table2-a1 and table2-a2
            of_table = [item for key, item in grids.items()
                        if name in (key, key.rpartition("-")[0], item.name, "all")]
            if not of_table:
                raise unknown("table to tune", name, grids)
            found += of_table
    else:
        if command == "cancel" and not names:
            raise UsageError("cancel takes the names of artefacts, or all")
        found = [_artefact_named(name, artefacts, grids, commands)
                 for name in names if name != "all"]
        if "all" in names or not names:
            found = [*artefacts.values(), *found]
    return list({item.name: item for item in found}.values())


def _artefact_named(
    name: str, artefacts: Artefacts, grids: Artefacts, commands: Commands
) -> Artefact:
    """The artefact of that name, or of its first part: fig1 is fig1-synthetic."""
    known = {item.name.split("-")[0]: item for item in artefacts.values()}
    known |= {item.name: item for item in (*artefacts.values(), *grids.values())}
    if name in known:
        return known[name]
    if name == "tune":
        raise UsageError("the command comes first: bench.py tune TABLE; to look one up, name its "
                         f"grid: {', '.join(grid.name for grid in grids.values())}")
    if name in commands and commands[name].takes == "artefacts":
        raise UsageError(f"the command comes first: bench.py {name} NAME...")
    if name in commands:
        raise UsageError(f"{name} is a command, not an artefact: bench.py {name}")
    if ".tar" in name or Path(name).exists():
        raise UsageError(f"{name!r} is a path, not an artefact; to take in the runs there: "
                         f"bench.py collect --from {name}")
    near = get_close_matches(name.lower().replace("figure", "fig"), [*known, *commands], n=1)
    hint = f"did you mean {near[0]!r}?" if near else "bench.py list names them"
    raise UsageError(f"unknown artefact or command {name!r}; {hint}")


def read_datasets(words: Sequence[str]) -> tuple[dict[str, Path], UserData | None]:
    """Reads NAME=PATH words: paths of known data sets by name, and the user's own data set.

    Raises UsageError for another form of word, a missing path, or two own data sets."""
    paths: dict[str, Path] = {}
    for word in words:
        name, _, text = word.partition("=")
        path = Path(text).expanduser().resolve()
        if not text or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            raise UsageError(f"--dataset takes NAME=PATH with a NAME of small letters and digits, "
                             f"such as flowers=~/flowers, not {word!r}")
        if name.startswith(("synthetic", "procedural")):
            raise UsageError(f"--dataset: the suite draws {name!r} itself; choose another NAME")
        if not path.exists():
            raise UsageError(f"--dataset: there is no {path}")
        if name in paths:
            raise UsageError(f"--dataset: {name} is given twice")
        paths[name] = path
    own = [name for name in paths if name not in FILE_DATASETS]
    if len(own) > 1:
        raise UsageError(f"--dataset: {own[0]} and {own[1]} cannot both replace an artefact's data "
                         f"set; known ones are {', '.join(FILE_DATASETS)}")
    if not own:
        return paths, None
    from benchmarks.harness.data.user_images import survey  # the image library
    found = survey(paths[own[0]])
    train, test = (len(found.splits[split]) for split in ("train", "test"))
    return paths, UserData(own[0], paths[own[0]], found.digest, train, test,
                           found.classes is not None, found.told)
