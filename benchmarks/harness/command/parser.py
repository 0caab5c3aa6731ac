"""The words and options that the command understands."""

import argparse
import difflib
import os
from pathlib import Path
import re
from typing import NoReturn

from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.claims import SCALES
from benchmarks.harness.spec.run import CHOICES
from benchmarks.harness.store.provenance import ROOT

DESCRIPTION = "Regenerates the MoCA paper's figures and tables, with a verdict per claim."
DATA_DIR = "WAE_BENCH_DATA_DIR"
EPILOG = """commands:
  NAME... | all    do what is missing, then write CSVs, figure and verdicts
  plan NAME...     what that would train, and how long it takes; trains nothing
  list             the artefacts and their state
  status           every run that is done, running, queued, failed, diverged or lost
  report           one page with all of it, to look at or to send
  findings         what was found, in words: results/FINDINGS.md, and how README.md opens
  verify           the verdict on every claim; 0 if every artefact is complete
  logs RUN         what a run printed; status names the runs
  cancel NAME...   ends the cluster's jobs for an artefact
  tune TABLE       chooses lambda for the table's regularizers, on validation images
  classifier       trains the network behind fd_cifar10 (about an hour on two cores)
  speed            times the suite on this machine, beside what people use today

exit status: 0 complete, 1 something failed or is missing, 2 bad usage"""


def folder(text: str) -> Path:
    """A path; an empty one, as of a variable that is not set, would be the folder we are in."""
    if not text:
        raise argparse.ArgumentTypeError("is empty")
    return Path(text)


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


def parser() -> Parser:
    """The parser of everything that can be asked for."""
    made = Parser(prog="bench.py", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False,
                  formatter_class=argparse.RawDescriptionHelpFormatter)
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
    made.add_argument("--rerun", action="store_true", help="train the selected runs anew")
    made.add_argument("--retry-failed", action="store_true", help="train failed runs again")
    _add_execution(made)
    _add_report(made)
    _add_places(made)
    return made


def _add_execution(made: Parser) -> None:
    made.add_argument("--device", default="auto", help="cpu, cuda, ... (default: the fastest)")
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


def _add_report(made: Parser) -> None:
    made.add_argument("--serve", nargs="?", const="127.0.0.1:8000", metavar="PORT", help="with "
                        "report: show it on this machine alone, with the state of running sweeps; "
                        "HOST:PORT for others to see (default: 127.0.0.1:8000)")
    made.add_argument("--export", type=folder, metavar="DIR", help="with report: its tables as "
                        "CSV, LaTeX and Markdown, with their sha256 sums")


def _add_places(made: Parser) -> None:
    made.add_argument("--dataset", dest="datasets", action="append", default=[],
                        metavar="NAME=PATH", help="your own images in the place of an artefact's "
                        "(a folder or zip file), or where a known data set lies")
    made.add_argument("--data-dir", type=folder, metavar="DIR",
                        default=os.environ.get(DATA_DIR) or None,
                        help=f"where data sets lie (default: ${DATA_DIR}, or download)")
    made.add_argument("--fid-weights", type=folder, metavar="FILE",
                        help="the Inception weights that fid needs (default: download them)")
    made.add_argument("--results-dir", type=folder, default=ROOT / "results", metavar="DIR",
                      help="of smoke scale, results stay in the cache (default: results)")
    made.add_argument("--cache-dir", type=folder, default=ROOT / ".cache", metavar="DIR",
                      help="runs, packed data, weights (default: .cache)")
