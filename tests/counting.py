"""Runs the command in this process and counts its calls on files below a folder.

usage: counting.py OUTPUT FOLDER WORDS...

Writes to OUTPUT, as JSON, how often each file is looked at, opened or listed, by its name."""

from collections import Counter
import io
import json
import os
from pathlib import Path
import sys

from benchmarks.harness.command.main import main

output, folder, *words = sys.argv[1:]
calls = Counter()


def counted(real):
    def call(path=".", *arguments, **named):
        if not isinstance(path, int) and folder in os.fspath(path):
            calls[Path(os.fspath(path)).name] += 1
        return real(path, *arguments, **named)
    return call


for owner, name in ((os, "stat"), (os, "lstat"), (os, "listdir"), (os, "scandir"), (os, "open"),
                    (os, "unlink"), (os, "replace"), (io, "open")):
    setattr(owner, name, counted(getattr(owner, name)))
status = main(words)
Path(output).write_text(json.dumps(calls), encoding="utf-8")
sys.exit(status)
