"""The arrays of jobs that were submitted from a cache, on record there."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
import json
import os
from pathlib import Path
from typing import Any

from benchmarks.harness.errors import UsageError
from benchmarks.harness.slurm.queue import user
from benchmarks.harness.store.files import write_json

# until every host sees a file that another one has made: NFS caches names and absences
VISIBLE_SECONDS = float(os.environ.get("WAE_BENCH_VISIBLE_SECONDS", "60"))


@dataclass(frozen=True)
class Submission:
    """An array of jobs, or one job; its name identifies it before SLURM's id is on record."""

    folder: Path
    keys: tuple[tuple[str, ...], ...]  # of the runs, by index in the array
    time: float
    user: str  # who submitted it, as SLURM shows it
    array: str | None = None  # SLURM's id

    @property
    def name(self) -> str:
        """Name of the jobs in SLURM."""
        return self.folder.name

    def write(self) -> None:
        """Stores the submission in its folder."""
        write_json(self.folder / "submission.json", {
            "keys": [list(keys) for keys in self.keys], "time": self.time, "user": self.user,
            "array": self.array})

    def drop_jobs_with(self, keys: Iterable[str]) -> "Submission":
        """A copy without the jobs that contain any of these runs."""
        given_up = set(keys)
        return replace(self, keys=tuple(() if given_up & set(job) else job for job in self.keys))

    def drop_runs(self, keys: set[str]) -> "Submission":
        """A copy without these runs; their jobs keep the others."""
        return replace(self, keys=tuple(
            tuple(key for key in job if key not in keys) for job in self.keys))

    def job(self, index: int) -> str:
        """SLURM's id of one of the jobs."""
        return f"{self.array}_{index}" if len(self.keys) > 1 else str(self.array)


def read_all(root: Path) -> list[Submission]:
    """Every submission that was made from the cache, in the order of time.

    Raises UsageError for a corrupt record."""
    found, me = [], user()
    for path in root.glob("[!.]*/submission.json"):
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            found.append(Submission(
                path.parent, tuple(map(tuple, content["keys"])), content["time"],
                content.get("user", me), content["array"]))
        except FileNotFoundError:  # another command has just removed it
            continue
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                f"{path} is corrupt; remove its folder, once its jobs are over") from None
    return sorted(found, key=lambda submission: submission.time)


def forget(cache: Path, keys: set[str]) -> None:
    """Removes failed runs from earlier submissions."""
    for submission in read_all(cache / "slurm") if keys else ():
        if keys & {key for job in submission.keys for key in job}:
            submission.drop_runs(keys).write()
