"""The store: one folder per run, which holds the run's whole state.

spec.json              the run's fields
method.py              the text of a user's method
claim.N                the process that trains it; see `lease`
checkpoint.pt          the newest, behind its digest; checkpoint.previous.pt: the one before
model*.safetensors     trained weights: the final ones and the snapshots
measures/              <id>.json (numbers, digests, provenance; written last) and files per measure
log.txt                printed lines and the traceback of an error
error.json             the reason for a failure
result.json            the outcome with its digest, written last
provenance.json        code, machine, versions, times"""

from collections.abc import Callable, Mapping
import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.spec.run import SETTLED, Run, canonical
from benchmarks.harness.store import checkpoints, lease
from benchmarks.harness.store.files import discard, write_atomically, write_json

T = TypeVar("T")


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path, memory: dict[str, dict[str, Any]] | None = None) -> None:
        """`memory`: what a command that looks at many runs has seen of each; see `look_again`."""
        self.path, self.key, self.memory = path, path.name, memory

    def state(self) -> str:
        """One of SETTLED, "failed", "running", "missing" or, if its process died, "lost"."""
        if self.is_finished():
            return str(self.result()["status"])
        if self.has_failed():
            return "failed"
        if self.is_being_trained():
            return "running"
        return "lost" if self.claim() else "missing"

    def is_finished(self) -> bool:
        """Whether the run has an outcome: done or diverged."""
        return "result.json" in self._names()

    def has_failed(self) -> bool:
        """Whether the last attempt ended in an error."""
        return "error.json" in self._names()

    def claim(self) -> Path | None:
        """The claim in force, of a living process or a dead one."""
        return lease.latest(self.path, self._names())[1]

    def owner(self) -> lease.ProcessIdentity | None:
        """Who wrote the claim in force."""
        claim = self.claim()
        return self._seen("owner", lambda: lease.owner_of(claim)) if claim else None

    def is_being_trained(self) -> bool:
        """Whether a living process has claimed the run."""
        claim = self.claim()
        return claim is not None and self._seen("alive", lambda: lease.is_alive(claim))

    def sibling(self, key: str) -> "RunFolder":
        """Another run of the same store."""
        return RunFolder(self.path.with_name(key), self.memory)

    def look_again(self) -> None:
        """Forgets what was seen of the run."""
        if self.memory is not None:
            self.memory.pop(self.key, None)

    def _seen(self, what: str, look: Callable[[], T]) -> T:
        if self.memory is None:
            return look()
        known = self.memory.setdefault(self.key, {})
        if what not in known:
            known[what] = look()
        found: T = known[what]
        return found

    def _names(self) -> list[str]:
        return self._seen("names", lambda: lease.files_in(self.path))

    def run(self) -> Run:
        """The run that the folder belongs to."""
        return Run.from_fields(json.loads((self.path / "spec.json").read_text(encoding="utf-8")))

    def result(self) -> dict[str, Any]:
        """The outcome; raises UsageError if its file is corrupt."""
        return self._seen("result", lambda: self._read("result.json"))

    def provenance(self) -> dict[str, Any]:
        """The code, machine, versions and times of the training."""
        return self._read("provenance.json")

    def error(self) -> str:
        """The reason for the failure, in one line."""
        if not self.has_failed():
            return "the reason could not be written down"
        return str(self._read("error.json")["error"])

    def size(self) -> int:
        """Bytes of the files that a finished run keeps."""
        return sum(path.stat().st_size for path in self.path.rglob("[!.]*")
                   if path.is_file() and path.name not in checkpoints.NAMES)

    def _read(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if not content or (name == "result.json" and (
                    content["status"] not in SETTLED or "curves" not in content)):
                raise ValueError
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            raise UsageError(f"{path} is corrupt; remove its folder to train it again") from None
        return content

    def write_spec(self, run: Run, method_source: str | None) -> None:
        """Writes the spec and a user's method, unless they exist."""
        if method_source is not None and not (self.path / "method.py").exists():
            write_atomically(self.path / "method.py", method_source.encode())
        write_json(self.path / "spec.json", run.fields())

    def finish(
        self, result: Mapping[str, Any], provenance: Mapping[str, Any], model: bytes
    ) -> None:
        """Writes the outcome last; then deletes checkpoints and superseded claims.

        Measures of earlier, different weights are deleted too."""
        (self.path / "error.json").unlink(missing_ok=True)
        if self.is_finished() and self.result()["model"] != digest_of(model):
            discard(self.path / "measures")
        digest = self.keep_weights(model)
        write_json(self.path / "provenance.json", provenance)
        write_json(self.path / "result.json", sealed({**result, "model": digest}))
        self.remove_spent()

    def remove_spent(self) -> None:
        """Deletes what a finished run needs no more: its checkpoints and superseded claims."""
        spent = (self.path / name for name in checkpoints.NAMES)
        for path in (*spent, *lease.superseded(self.path)):
            path.unlink(missing_ok=True)

    def fail(self, error: str) -> None:
        """Records why the run failed."""
        write_json(self.path / "error.json", {"error": error})

    def clear_error(self) -> None:
        """Deletes the record of a failure."""
        (self.path / "error.json").unlink(missing_ok=True)
        self.look_again()

    def delete(self) -> None:
        """Removes the run."""
        discard(self.path)
        self.look_again()

    def weights_file(self, epoch: int | None = None) -> Path:
        """The path of the final weights, or of an epoch's snapshot."""
        return self.path / (f"model.epoch{epoch}.safetensors" if epoch else "model.safetensors")

    def keep_weights(self, weights: bytes, epoch: int | None = None) -> str:
        """Stores the weights; returns the digest by which the outcome names them."""
        write_atomically(self.weights_file(epoch), weights)
        return digest_of(weights)

    def weights_named(self, result: Mapping[str, Any]) -> dict[Path, str]:
        """The files of the weights that the outcome names, which need not exist; their digests."""
        return {self.weights_file(): result["model"], **{
            self.weights_file(int(epoch)): digest for epoch, digest in result["snapshots"].items()}}

    def weights_are_whole(self) -> bool:
        """Whether all weights that the outcome names exist and are intact."""
        try:
            return all(digest_of(path.read_bytes()) == digest
                       for path, digest in self.weights_named(self.result()).items())
        except FileNotFoundError:
            return False

    def save_measurement(
        self, measure: Measure, numbers: Mapping[str, float], files: Mapping[str, bytes],
        provenance: Mapping[str, Any],
    ) -> None:
        """Stores a measure's outcome: its files, then its numbers with the files' digests."""
        for name, data in files.items():
            write_atomically(self._measured(measure, name), data)
        digests = {name: digest_of(data) for name, data in files.items()}
        write_json(self._measured(measure, "json"), sealed(
            {"numbers": dict(numbers), "files": digests, "provenance": dict(provenance)}))

    def measurement(self, measure: Measure) -> dict[str, Any] | None:
        """The measure's stored outcome; None, so that it is measured again, unless it is intact."""
        return self._seen(measure.id, lambda: intact_measurement(
            measure.id, lambda name: (self.path / name).read_bytes()))

    def measurement_files(self, measure: Measure) -> dict[str, bytes]:
        """The measure's files by name; empty without a complete and intact outcome."""
        found = self.measurement(measure) or {"files": {}}
        return {name: self._measured(measure, name).read_bytes() for name in found["files"]}

    def _measured(self, measure: Measure, name: str) -> Path:
        return self.path / "measures" / f"{measure.id}.{name}"


class Store:
    """All runs under one folder."""

    def __init__(self, root: Path, *, remembers: bool = False) -> None:
        """With `remembers`, each file is read once; see `RunFolder.look_again`."""
        self.root = root
        self.memory: dict[str, dict[str, Any]] | None = {} if remembers else None

    def folder(self, key: str) -> RunFolder:
        """The folder of the run with the key; it need not exist."""
        return RunFolder(self.root / key, self.memory)


def intact_measurement(id: str, read: Callable[[str], bytes]) -> dict[str, Any] | None:
    """A measure's outcome; None unless it and its files are intact.

    `read` returns a file of the run by its name, or raises FileNotFoundError."""
    try:
        content: dict[str, Any] = json.loads(read(f"measures/{id}.json"))
        content["numbers"], content["provenance"]
        if not is_unbroken(content) or any(
                digest_of(read(f"measures/{id}.{name}")) != digest
                for name, digest in content["files"].items()):
            return None
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return content


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """The content with its digest, which shows damage; it is no signature."""
    return {**content, "digest": digest_of(canonical(content).encode())}


def is_unbroken(content: dict[str, Any]) -> bool:
    """Whether the content is as it was sealed; older versions did not seal."""
    bare = {name: value for name, value in content.items() if name != "digest"}
    return "digest" not in content or content == sealed(bare)


def digest_of(data: bytes) -> str:
    """The SHA-256 of the data, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
