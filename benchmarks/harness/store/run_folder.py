"""The store: one folder per run, whose files are the run's whole state.

spec.json              the run's fields
method.py              the text of a user's own method
claim.N                who trains it; see `lease`
checkpoint.pt          sealed; checkpoint.previous.pt is the one before
model*.safetensors     trained weights; see `model_files`
measures/              what was measured of it; see `evaluations`
log.txt                what the run printed, with the trace of an error
error.json             why it failed
result.json            the outcome, written last
provenance.json        where, when, from which code, how long
"""

from collections.abc import Mapping
import hashlib
import json
from pathlib import Path
from typing import Any

from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.spec.run import Run
from benchmarks.harness.store import checkpoints, lease
from benchmarks.harness.store.files import discard, write_atomically, write_json

OUTCOMES = ("done", "diverged")


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key = path.name

    def state(self) -> str:
        """An outcome, or "failed", "running", "missing" or, where the trainer died, "lost"."""
        if self.is_finished():
            return str(self.result()["status"])
        if self.has_failed():
            return "failed"
        if self.is_being_trained():
            return "running"
        return "missing" if lease.latest(self.path)[1] is None else "lost"

    def is_finished(self) -> bool:
        """Whether there is an outcome, be it done or diverged."""
        return (self.path / "result.json").exists()

    def has_failed(self) -> bool:
        """Whether the last attempt ended in an error."""
        return (self.path / "error.json").exists()

    def is_being_trained(self) -> bool:
        """Whether a living process has claimed the run."""
        claim = lease.latest(self.path)[1]
        return claim is not None and lease.is_alive(claim)

    def run(self) -> Run:
        """The run that the folder belongs to."""
        return Run.from_fields(json.loads((self.path / "spec.json").read_text()))

    def result(self) -> dict[str, Any]:
        """The outcome; raises UsageError where its file is unreadable."""
        return self._read("result.json")

    def provenance(self) -> dict[str, Any]:
        """Where, when and from which code the run was trained."""
        return self._read("provenance.json")

    def error(self) -> str:
        """The line that says why the run failed."""
        if not self.has_failed():
            return "the reason could not be written down"
        return str(self._read("error.json")["error"])

    def size(self) -> int:
        """Bytes of the files that stay once the run has an outcome."""
        return sum(path.stat().st_size for path in self.path.rglob("[!.]*")
                   if path.is_file() and path.name not in checkpoints.NAMES)

    def _read(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            content: dict[str, Any] = json.loads(path.read_text())
            if not content or (name == "result.json" and (
                    content["status"] not in OUTCOMES or "curves" not in content)):
                raise ValueError
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            raise UsageError(f"{path} is corrupt; remove its folder to train it anew") from None
        return content

    def declare(self, run: Run, method_source: str | None) -> None:
        """Writes what a worker needs to train the run, unless it is there."""
        if method_source is not None and not (self.path / "method.py").exists():
            write_atomically(self.path / "method.py", method_source.encode())
        write_json(self.path / "spec.json", run.fields())

    def finish(
        self, result: Mapping[str, Any], provenance: Mapping[str, Any], model: bytes
    ) -> None:
        """Writes the outcome, last of all; what only served to get there is removed.

        What was measured of other weights, trained earlier, is removed too.
        """
        (self.path / "error.json").unlink(missing_ok=True)
        digest = weights_digest(model)
        if self.is_finished() and self.result()["model"] != digest:
            discard(self.path / "measures")
        keep_weights(self.path, model)
        write_json(self.path / "provenance.json", provenance)
        write_json(self.path / "result.json", {**result, "model": digest})
        spent = [self.path / name for name in checkpoints.NAMES]
        for path in (*spent, *lease.outnumbered(self.path)):
            path.unlink(missing_ok=True)

    def fail(self, error: str) -> None:
        """Records why the run failed."""
        write_json(self.path / "error.json", {"error": error})

    def forgive(self) -> None:
        """Forgets a failure."""
        (self.path / "error.json").unlink(missing_ok=True)

    def discard(self) -> None:
        """Removes the run."""
        discard(self.path)


class Store:
    """All runs under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, key: str) -> RunFolder:
        """The folder of the run with that key, there or not."""
        return RunFolder(self.root / key)


def weights_file(folder: Path, epoch: int | None = None) -> Path:
    """Where the final weights are, or those of the snapshot of an epoch."""
    return folder / (f"model.epoch{epoch}.safetensors" if epoch else "model.safetensors")


def keep_weights(folder: Path, weights: bytes, epoch: int | None = None) -> str:
    """Stores them; returns their digest."""
    write_atomically(weights_file(folder, epoch), weights)
    return weights_digest(weights)


def weights_are_whole(folder: Path, outcome: Mapping[str, Any]) -> bool:
    """Whether all weights are there, and those that the outcome names."""
    files = {weights_file(folder): outcome["model"], **{
        weights_file(folder, int(epoch)): told for epoch, told in outcome["snapshots"].items()}}
    try:
        return all(weights_digest(path.read_bytes()) == told for path, told in files.items())
    except FileNotFoundError:
        return False


def weights_digest(weights: bytes) -> str:
    """By which the outcome names them."""
    return hashlib.sha256(weights).hexdigest()


def save_measurement(
    folder: Path, measure: Measure, numbers: Mapping[str, float], files: Mapping[str, bytes],
    provenance: Mapping[str, Any],
) -> None:
    """Stores a measure's outcome: the files, then what vouches for them."""
    for name, data in files.items():
        write_atomically(folder / "measures" / f"{measure.id}.{name}", data)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    write_json(folder / "measures" / f"{measure.id}.json",
               {"numbers": dict(numbers), "files": digests, "provenance": dict(provenance)})


def find_measurement(folder: Path, measure: Measure) -> dict[str, Any] | None:
    """The stored outcome; None if there is none that is whole, so that it is measured (again)."""
    try:
        path = folder / "measures" / f"{measure.id}.json"
        content: dict[str, Any] = json.loads(path.read_text())
        content["numbers"], content["provenance"]
        for name, digest in content["files"].items():
            data = (folder / "measures" / f"{measure.id}.{name}").read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                return None
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return content


def measurement_files(folder: Path, measure: Measure) -> dict[str, bytes]:
    """The measure's files by name; none where it has no outcome that is whole."""
    found = find_measurement(folder, measure) or {"files": {}}
    return {name: (folder / "measures" / f"{measure.id}.{name}").read_bytes()
            for name in found["files"]}
