"""Runs the command in this process and kills it at its n-th write, flush, rename or link.

usage: killer.py N before|after WORDS...
"""

import os
from pathlib import Path
import signal
import sys

from benchmarks.harness.command.main import main

countdown, when = int(sys.argv[1]), sys.argv[2]


def mortal(real):
    def call(*arguments, **named):
        global countdown
        countdown -= 1
        if countdown == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        last = countdown == 0
        try:
            return real(*arguments, **named)
        finally:  # also where it raises, as linking to an existing file does
            if last:
                os.kill(os.getpid(), signal.SIGKILL)
    return call


for owner, name in ((os, "fsync"), (os, "replace"), (os, "link"), (Path, "replace"),
                    (Path, "unlink"), (Path, "rename")):
    setattr(owner, name, mortal(getattr(owner, name)))
sys.exit(main(sys.argv[3:]))
