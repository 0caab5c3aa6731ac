"""`logs` and `cancel`: what a run printed, and the end of an artefact's jobs."""

from argparse import Namespace
from pathlib import Path

from benchmarks.harness.errors import UsageError
from benchmarks.harness.launch import slurm_queue
from benchmarks.harness.launch.submissions import Jobs
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import SETTLED, tasks


def logs(names: list[str], options: Namespace) -> int:
    """Prints the log of a run, named by the beginning of its key; and its job's, if it has one."""
    if len(names) != 1:
        raise UsageError("logs takes one run; `bench.py status` names them")
    cache: Path = options.cache_dir.resolve()
    found = sorted(path for path in (cache / "runs").glob(f"{names[0]}*") if path.is_dir())
    if len(found) != 1:
        raise UsageError(f"{len(found)} runs in {cache / 'runs'} begin with {names[0]!r}; "
                         "`bench.py status` names them")
    (folder,) = found
    place = Jobs(cache).places.get(folder.name)
    texts = [folder / "log.txt"]
    if place:
        job = place.submission.job(place.number)
        texts += sorted(place.submission.folder.glob(f"{job}_*_log.out"))
    for path in filter(Path.exists, texts):
        print(f"==> {path}")
        print(path.read_text().rstrip())
    if not any(map(Path.exists, texts)):
        print(f"run {folder.name} has not begun")
    return 0


def cancel(selections: list[Selection], store: Store, options: Namespace) -> int:
    """Ends every job for a run of the artefacts that has no outcome yet; what it stored stays."""
    jobs = Jobs(options.cache_dir.resolve())
    if jobs.silence:
        raise UsageError(f"cancel: {jobs.silence}")
    asked = tasks([entry for one in selections for entry in one.entries()], store)
    open_keys = {key for key, task in asked.items()
                 if jobs.queued(key) and jobs.state(task) not in (*SETTLED, "failed")}
    places = {jobs.places[key] for key in open_keys}
    ids = sorted({place.queued.job for place in places if place.queued})
    submissions = {place.submission for place in places}
    for submission in submissions:
        submission.without(open_keys).write()
    try:
        if ids:
            slurm_queue.cancel(ids)
    except slurm_queue.QueueError as error:
        for submission in submissions:
            submission.write()  # the jobs live on, and stay on record
        raise UsageError(f"cancel: {error}") from None
    print(f"cancelled {len(ids)} jobs with {len(open_keys)} runs that had no outcome yet")
    return 0
