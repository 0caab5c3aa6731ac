#!/usr/bin/env python3
"""Regenerates the paper's figures and tables: collect -> tabulate -> draw -> judge."""

# Every Python from 2.7 on can parse this file, so that one that is too old says so and no more.

import sys

if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.stderr.write("bench.py: needs Python 3.11 or newer; " + sys.executable + " is "
                         + sys.version.split()[0] + "\n")
        sys.exit(2)
    from benchmarks.harness.start import main
    sys.exit(main())
