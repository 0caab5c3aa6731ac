"""What keeps tests from failing where the machine is busy: patience, and work told from time.

usage: busy.py FILE COMMAND...   runs it, its output to the file; prints what it spent
"""

import json
from pathlib import Path
import resource
import subprocess
import sys
import time
from typing import NamedTuple

HANG = 1200  # seconds: no bound on what is tested, it only ends what would never end


def await_that(condition, pause=0.1):
    """Waits until the condition holds; AssertionError if it never does."""
    deadline = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < deadline, f"waited {HANG} s in vain"
        time.sleep(pause)


def yardstick():
    """Processor seconds of a fixed piece of work, some .2 s: other load slows it down as well."""
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
    """What a command printed, its processor time in yardsticks, its largest size."""

    said: str
    work: float
    kibibytes: int


def metered(command, folder, status=0):
    """Runs a command to its end, which must be with that status."""
    said = folder / "said"
    # a process of its own to be the parent: a child begins with the largest size of who forked it
    done = subprocess.run([sys.executable, __file__, str(said), *command], check=False, cwd=folder,
                          capture_output=True, text=True, timeout=HANG)
    assert done.returncode == status, said.read_text() + done.stderr
    return Spent(said.read_text(), *json.loads(done.stdout))


def main():
    before = yardstick()
    with Path(sys.argv[1]).open("w") as said:
        done = subprocess.run(sys.argv[2:], stdout=said, stderr=subprocess.STDOUT, check=False)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = spent.ru_utime + spent.ru_stime
    print(json.dumps([2 * seconds / (before + yardstick()), spent.ru_maxrss]))
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
