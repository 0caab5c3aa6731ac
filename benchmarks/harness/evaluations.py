"""What was measured of a trained run, beside it in its folder.

measures/<id>.json     the numbers, the digests of the files, where they come from; written last
measures/<id>.<file>   points or pictures
"""

from collections.abc import Mapping
import hashlib
import json
from pathlib import Path
from typing import Any

from benchmarks.harness.errors import UsageError
from benchmarks.harness.files import write_atomically, write_json
from benchmarks.harness.spec import Measure


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
    """The stored outcome, or None; raises UsageError if it is unreadable."""
    path = folder / "measures" / f"{measure.id}.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        content["numbers"], content["files"], content["provenance"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise _corrupt(path) from None
    return content


def files(folder: Path, measure: Measure) -> dict[str, bytes]:
    """The measure's files by name; raises UsageError if one is not what was stored."""
    found = {}
    for name, digest in (find(folder, measure) or {"files": {}})["files"].items():
        path = folder / "measures" / f"{measure.id}.{name}"
        found[name] = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(found[name]).hexdigest() != digest:
            raise _corrupt(path)
    return found


def _corrupt(path: Path) -> UsageError:
    return UsageError(f"{path} is corrupt; remove {path.parent} to have the run measured anew")
