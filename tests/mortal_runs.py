"""Trains A1 and A2 with every method, one run after the other; if asked, is killed in each of them.

usage: mortal_runs.py FOLDER whole|killed

Every attempt is a process of its own. A killed one dies by SIGKILL right after it has written the
second checkpoint of a run, and the next attempt goes on from there.
"""

from dataclasses import replace
import os
from pathlib import Path
import signal
import sys

from contract import CASES, method_of

from benchmarks.harness.launch import train_and_measure  # noqa: F401 torch, once for all attempts
from benchmarks.harness.launch.launchers import train_inline
from benchmarks.harness.launch.options import Options
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.harness.spec.run import Run
from benchmarks.harness.store import checkpoints
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import Task
from methods import OBJECTIVES

# 3 steps an epoch, 6 in all; width 1/64 keeps every layer and norm
BASE = Run("procedural", 24, "a1", "mmd", (), "", dim=8, epochs=2, batch=8, n_prior=8,
           halve_every=1, width=1 / 64, image_size=32)
SMALL = {  # 12 is not a multiple of the batch
    "moca": {"K": 12}, "repulsion": {"K": 12}, "gan": {"hidden": 16, "layers": 2},
    "mmd[memory]": {"memory": 12, "m0": 0.9}, "swd[memory]": {"memory": 12}}
RUNS = [resolve(replace(BASE, architecture=architecture), method_of(name), SMALL.get(name, {}))
        for architecture in ("a1", "a2") for name in (*CASES, *OBJECTIVES)]


class Silent:
    def started(self, folder): ...

    def moved(self, folder, fraction): ...

    def finished(self, folder, state): ...


def mortal(save):
    count = {}

    def saved(folder, sealed):
        save(folder, sealed)
        count[folder] = count.get(folder, 0) + 1
        first_attempt = (folder / "log.txt").read_text().count("from step") == 1
        if count[folder] == 2 and first_attempt:
            os.kill(os.getpid(), signal.SIGKILL)
    return saved


def attempt(folder, killed):
    if killed:
        checkpoints.save = mortal(checkpoints.save)
    store, tasks = Store(folder / "runs"), []
    for run in RUNS:
        tasks.append(Task(store.folder(run.key)))
        tasks[-1].folder.write_spec(run, None)
    train_inline(tasks, Options(folder / "data", "cpu", checkpoint_seconds=0), Silent())


def main():
    folder, killed = Path(sys.argv[1]), sys.argv[2] == "killed"
    while True:
        child = os.fork()  # before torch has computed anything, so a fork loses no threads
        if child == 0:
            attempt(folder, killed)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != -signal.SIGKILL:
            sys.exit(status)


if __name__ == "__main__":
    main()
