#!/usr/bin/env python3
"""Regenerates the paper's figures and tables: collect -> tabulate -> draw -> judge."""

import sys

OURS = ("benchmarks", "figures", "methods")


def main() -> int:
    """Runs the command; a package that is not installed costs one line."""
    try:
        from benchmarks.harness.command.main import main as command
    except KeyboardInterrupt:
        print("stopped before anything began", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        return lacking(error)
    try:
        return command(sys.argv[1:])
    except ModuleNotFoundError as error:
        return lacking(error)


def lacking(error: ModuleNotFoundError) -> int:
    """Says which package there is not; raises the error if it is a module of this project's."""
    if error.name is None or error.name.split(".")[0] in OURS:
        raise error
    print(f"bench.py: this Python ({sys.executable}) lacks the package {error.name}; README.md "
          "says how to set it up", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
