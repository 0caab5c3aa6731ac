#!/usr/bin/env python3
"""Regenerates the paper's figures and tables: collect -> tabulate -> draw -> judge."""

import sys

from benchmarks.harness.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
