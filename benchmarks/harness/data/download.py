"""Downloads from the first of several mirrors: checksum, resumption, progress bar."""

from collections.abc import Sequence
import hashlib
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from benchmarks.harness.console import transfer

CHUNK = 1 << 16
TIMEOUT_SECONDS = 20.0
ROUNDS = 5  # over all mirrors, as long as each brings more of the file
RANGE_NOT_SATISFIABLE = 416


class DownloadError(Exception):
    """No mirror has the file; the message gives the reason for each mirror."""


def download(
    name: str, mirrors: Sequence[str], checksum: str, folder: Path, algorithm: str = "md5"
) -> Path:
    """Downloads the file `name` into `folder`, from the mirrors (URL prefixes) in order.

    `checksum`: digest of the whole file, or its first digits. A partial file is resumed by the next
    attempt, from any mirror and also in a later process. Raises DownloadError if no mirror has the
    file with that checksum."""
    target, part = folder / name, folder / f"{name}.part"
    if target.exists() and digest(target, algorithm).startswith(checksum):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(ROUNDS):
        before, reasons = _size(part), []
        for mirror in mirrors:
            reason = _attempt(mirror + name, part, checksum, algorithm)
            if reason is None:
                part.replace(target)
                return target
            reasons.append(f"{urlsplit(mirror).netloc}: {reason}")
        if _size(part) == before:
            break
    raise DownloadError("; ".join(reasons))


def digest(path: Path, algorithm: str = "md5") -> str:
    """The digest of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _attempt(url: str, part: Path, checksum: str, algorithm: str) -> str | None:
    """Fetches the missing bytes; returns the reason of a failure, or None."""
    try:
        _fetch(url, part)
    except HTTPError as error:
        if error.code == RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        return f"HTTP {error.code} {error.reason}"
    except (OSError, HTTPException, DownloadError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
    found = digest(part, algorithm)
    if found.startswith(checksum):
        return None
    part.unlink()
    return f"the file it sent has {algorithm} {found}, not {checksum}"


def _fetch(url: str, part: Path) -> None:
    """Appends the missing bytes to `part`, or starts again if the server cannot resume."""
    have = _size(part)
    headers = {"User-Agent": "wae-bench"} | ({"Range": f"bytes={have}-"} if have else {})
    with urlopen(Request(url, headers=headers), timeout=TIMEOUT_SECONDS) as response:
        if response.headers.get_content_type() == "text/html":
            raise DownloadError("it sent a web page, not the file")
        resumed = response.status == 206
        have = have if resumed else 0
        length = response.headers["Content-Length"]
        total = have + int(length) if length else None
        parts = urlsplit(url)
        label = f"{parts.path.rpartition('/')[2]} from {parts.netloc}"
        size = f"{total / 2**20:.1f} MiB" if total else "size not announced"
        line = f"downloading {label} ({size}{', resumed' if have else ''})"
        with (open(part, "ab" if resumed else "wb") as file,
              transfer(label, line, have, total) as tell):
            while chunk := response.read(CHUNK):
                file.write(chunk)
                have += len(chunk)
                tell(have)
    if total is not None and have < total:
        raise DownloadError(f"it broke off after {have} of {total} bytes")
