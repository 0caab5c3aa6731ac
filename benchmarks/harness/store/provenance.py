"""Provenance of a run: its code, machine, versions and memory."""

from contextlib import suppress
from functools import cache
import hashlib
from importlib.metadata import PackageNotFoundError, version
import os
from pathlib import Path
import platform
import re
import resource
import subprocess
import sys

from benchmarks.harness.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
CODE = ("bench.py", "methods", "benchmarks", "figures", "pyproject.toml")
# for git, without the settings that `tune` freezes: they select runs and do not change training
PATHS = (*CODE, ":(exclude)benchmarks/tuned")
COMMIT = "WAE_BENCH_COMMIT"  # the environment variable that names it where git cannot
PACKAGES = ("torch", "torchvision", "numpy", "scipy", "POT", "geomloss", "scikit-learn", "pandas")


def _git(*arguments: str) -> str | None:
    """Git's output in the project; None without git or outside a checkout."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments],
                              capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


_adopted: dict[str, str | None] = {}


def adopt(known: dict[str, str | None]) -> None:
    """Makes `code` return the submitting process's: a node may have no git."""
    _adopted.update(known)


@cache
def fingerprint() -> str:
    """A digest of all code, which does not need git."""
    content = hashlib.sha256()
    for top in (ROOT / name for name in CODE):
        for path in sorted(top.rglob("*.py")) if top.is_dir() else [top]:
            content.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return content.hexdigest()


@cache
def code() -> dict[str, str | None]:
    """The commit, the hash of local edits or None without edits, and the code's digest.

    As they are at the first call. Outside the project's own git checkout edits are not known, and
    the commit is what the environment variable COMMIT says, or None; raises UsageError if it names
    none."""
    if _adopted:
        return dict(_adopted)
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != ROOT:
        return {"commit": _named_commit(), "local_edits": None, "code_digest": fingerprint()}
    edits = hashlib.sha256((_git("diff", "HEAD", "--", *PATHS) or "").encode())
    added = _git("ls-files", "--others", "--exclude-standard", "--", *PATHS)
    for name in (added or "").split("\n"):
        if name:
            edits.update(name.encode() + (ROOT / name).read_bytes())
    edited = edits.hexdigest() != hashlib.sha256().hexdigest()
    return {"commit": _git("rev-parse", "HEAD"),
            "local_edits": edits.hexdigest()[:16] if edited else None,
            "code_digest": fingerprint()}


def _named_commit() -> str | None:
    named = os.environ.get(COMMIT) or None
    if named and not re.fullmatch("[0-9a-f]{40}", named):
        raise UsageError(f"{COMMIT} must be the 40 hexadecimal digits of a commit, such as "
                         f"`git rev-parse HEAD` prints, not {named!r}")
    return named


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def environment() -> dict[str, object]:
    """The versions and machine of this process."""
    return {
        "python": platform.python_version(),
        "packages": {package: _version(package) for package in PACKAGES},
        "platform": platform.platform(), "processor": _processor()}


def _processor() -> str:
    """The processor's model: results on a CPU are bit-exact only on the same model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def peak_memory_mib() -> float:
    """Peak resident memory of this process in MiB; a reused worker's earlier runs count too."""
    with suppress(OSError):  # Linux, where ru_maxrss starts from the parent's peak
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
        if found:
            return round(int(found[1]) / 2**10, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
