"""Helpers for tests on a busy machine: patient waiting, and processor time instead of elapsed time.

usage: busy.py FILE COMMAND...   runs the command, its output to FILE; prints time and memory used
"""

import json
from pathlib import Path
import resource
import subprocess
import sys
import time
from typing import NamedTuple

HANG = 1200  # seconds: not a limit that tests check, it only ends what would hang forever


def await_that(condition, pause=0.1):
    """Waits until the condition holds; AssertionError if it never does."""
    deadline = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < deadline, f"waited {HANG} s in vain"
        time.sleep(pause)


def yardstick():
    """Processor seconds of a fixed piece of work, about .2 s: other load slows it down as well."""
    began = time.thread_time()
    for k in range(1_000_000):
        hash(str(k))
    return time.thread_time() - began


def work_of(call):
    """Processor time of this process for a call, in yardsticks."""
    before, began = yardstick(), time.process_time()
    call()
    seconds = time.process_time() - began
    return 2 * seconds / (before + yardstick())


class Spent(NamedTuple):
    """A command's output, its processor time in yardsticks and its peak memory."""

    said: str
    work: float
    kibibytes: int


def metered(command, folder, status=0):
    """Runs a command to its end; it must exit with that status."""
    said = folder / "said"
    # a small parent process: a child's peak memory begins at that of the process that forked it
    done = subprocess.run([sys.executable, __file__, str(said), *command], check=False, cwd=folder,
                          capture_output=True, text=True, timeout=HANG)
    assert done.returncode == status, said.read_text() + done.stderr
    return Spent(said.read_text(), *json.loads(done.stdout))


def main():
    before = yardstick()
    with Path(sys.argv[1]).open("w", encoding="utf-8") as said:
        done = subprocess.run(sys.argv[2:], stdout=said, stderr=subprocess.STDOUT, check=False)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = spent.ru_utime + spent.ru_stime
    print(json.dumps([2 * seconds / (before + yardstick()), spent.ru_maxrss]))
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
