"""What was measured of a trained run, beside it in its folder.

measures/<id>.json     the numbers, the digests of the files, where they come from; written last
measures/<id>.<file>   points or pictures
"""

from collections.abc import Mapping
import hashlib
import json
from pathlib import Path
from typing import Any

from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.store.files import write_atomically, write_json


def save(
    folder: Path, measure: Measure, numbers: Mapping[str, float], files: Mapping[str, bytes],
    provenance: Mapping[str, Any],
) -> None:
    """Stores a measure's outcome: the files, then what vouches for them."""
    for name, data in files.items():
        write_atomically(folder / "measures" / f"{measure.id}.{name}", data)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    write_json(folder / "measures" / f"{measure.id}.json",
               {"numbers": dict(numbers), "files": digests, "provenance": dict(provenance)})


def find(folder: Path, measure: Measure) -> dict[str, Any] | None:
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


def files(folder: Path, measure: Measure) -> dict[str, bytes]:
    """The measure's files by name; none where it has no outcome that is whole."""
    found = find(folder, measure) or {"files": {}}
    return {name: (folder / "measures" / f"{measure.id}.{name}").read_bytes()
            for name in found["files"]}
