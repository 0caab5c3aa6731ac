"""Starts the command, whatever its standard streams are and whichever packages are lacking."""

from io import TextIOWrapper
import os
import sys

OURS = ("benchmarks", "figures", "methods")


def main() -> int:
    """Runs the command; returns its exit status, or 2 with one line if a package is missing."""
    prepare_streams()
    try:
        try:
            from benchmarks.harness.command.main import main as command
        except KeyboardInterrupt:
            print("stopped before anything began", file=sys.stderr)
            return 1
        return command(sys.argv[1:])
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package in OURS:
            raise
        fault = (f"lacks the package {error.name}" if isinstance(error, ModuleNotFoundError)
                 else f"has a damaged package {package}: {' '.join(str(error).split())}")
        print(f"bench.py: this Python ({sys.executable}) {fault}; README.md says how to set it up",
              file=sys.stderr)
        return 2


def prepare_streams() -> None:
    """Opens closed standard streams on the null device, for this process and those it starts.

    Otherwise the next file that is opened would take their place. Characters that the encoding of
    an output lacks are escaped."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: the stream's
            os.set_inheritable(null, True)
            setattr(sys, name, open(null, mode, encoding="utf-8"))  # noqa: SIM115 for good
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
