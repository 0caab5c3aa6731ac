#!/usr/bin/env python3
"""Regenerates the paper's figures and tables: collect -> tabulate -> draw -> judge."""

import sys

OURS = ("benchmarks", "figures", "methods")


def main() -> int:
    """Runs the command; returns its exit status, or 2 with one line if a package is missing."""
    try:
        try:
            from benchmarks.harness.command.main import main as command
        except KeyboardInterrupt:
            print("stopped before anything began", file=sys.stderr)
            return 1
        return command(sys.argv[1:])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in OURS:
            raise
        print(f"bench.py: this Python ({sys.executable}) lacks the package {error.name}; README.md "
              "says how to set it up", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
