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


class _UnknownError(Exception):
    """Git cannot tell the commit; the message is why."""


# a checkout of somebody else's is read like any other: whoever runs its code trusts it
TRUSTING = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false")
# nothing of the user's, whose configuration may be broken
SETTINGS = {"LC_ALL": "C", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_OPTIONAL_LOCKS": "0"}
PATIENCE = 60.0  # seconds for one answer


def _git(*arguments: str) -> str:
    """Git's output in the project, as file names are decoded; raises _UnknownError without one."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("GIT_")} | SETTINGS  # a hook sets GIT_DIR, say
    try:
        done = subprocess.run(["git", *TRUSTING, "-C", str(ROOT), *arguments], check=False,
                              capture_output=True, stdin=subprocess.DEVNULL, env=environment,
                              timeout=PATIENCE)
    except (OSError, subprocess.SubprocessError) as error:
        raise _UnknownError(f"git does not run ({error})") from None
    if done.returncode != 0:
        said = os.fsdecode(done.stderr).strip().splitlines() or [f"exit status {done.returncode}"]
        raise _UnknownError(f"git says {said[0]!r}")
    return os.fsdecode(done.stdout)


_adopted: dict[str, str | None] = {}


def adopt(known: dict[str, str | None]) -> None:
    """Makes `code` return the submitting process's: a node may have no git."""
    _adopted.update(known)


@cache
def fingerprint() -> str:
    """A digest of all code, which does not need git."""
    content = hashlib.sha256()
    for path in _all_code():
        content.update(os.fsencode(path.relative_to(ROOT)) + _content(path))
    return content.hexdigest()


def _all_code() -> list[Path]:
    return [path for name in CODE for path in _code_in(ROOT / name)]


def _code_in(place: Path) -> list[Path]:
    """The file itself, or a folder's modules; nothing that editors, git or archives hide there."""
    if not place.is_dir():
        return [place]
    found = []
    for folder, inside, names in os.walk(place):
        inside[:] = [name for name in inside if not name.startswith(".")]
        found += [path for name in names if name.endswith(".py") and not name.startswith(".")
                  and (path := Path(folder, name)).is_file()]
    return sorted(found)


def _content(path: Path) -> bytes:
    """What the file holds; a word where it cannot be read, such as one that is deleted."""
    try:
        return path.read_bytes()
    except OSError as error:
        return f"<{type(error).__name__}>".encode()


@cache
def code() -> dict[str, str | None]:
    """The commit, the hash of local edits or None without edits, and the code's digest.

    As they are at the first call. Where git cannot tell (see `unknown_commit`), edits are not
    known, and the commit is what the environment variable COMMIT says, or None; raises UsageError
    if it names none."""
    if _adopted:
        return dict(_adopted)
    commit, edits, _ = _checkout()
    return {"commit": commit or _named_commit(), "local_edits": edits,
            "code_digest": fingerprint()}


def unknown_commit() -> str | None:
    """Why no commit is known of this code, in one line; None if one is."""
    if code()["commit"]:
        return None
    return (f"no commit is known of this code, since {_checkout()[2]}; provenance.json has its "
            f"digest instead (the variable {COMMIT} can name the commit)")


@cache
def note_code() -> None:
    """Notes the code before anybody edits it; prints, once, why its commit is unknown, if so.

    Raises UsageError as `code` does."""
    if reason := unknown_commit():
        print(f"note: {reason}", flush=True)


def _checkout() -> tuple[str | None, str | None, str]:
    """Commit and hash of local edits, or None without edits; else None twice, and the reason."""
    try:
        top = _git("rev-parse", "--show-toplevel").removesuffix("\n")
        if not os.path.samefile(top, ROOT):
            raise _UnknownError(f"git knows {ROOT} as a part of {top} only")
        commit = _git("rev-parse", "--verify", "HEAD").strip()
        changed = _names("diff", "--name-only", "-z", "--no-renames", "HEAD")
        added = _names("ls-files", "--others", "--exclude-standard", "-z")
    except (_UnknownError, OSError) as error:
        return None, None, str(error)
    # of a repository inside this one git names the folder alone; leftovers of editors are no code
    new = {path for place in added for path in _code_in(place)} & set(_all_code())
    edits = hashlib.sha256()
    for path in sorted(new.union(changed)):
        edits.update(os.fsencode(path.relative_to(ROOT)) + _content(path))
    return commit, edits.hexdigest()[:16] if changed or new else None, ""


def _names(*arguments: str) -> list[Path]:
    """The files in PATHS that a git command names, each with a NUL after it."""
    return [ROOT / name for name in _git(*arguments, "--", *PATHS).split("\0") if name]


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
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def peak_memory_mib() -> float:
    """Peak resident memory of this process in MiB; a reused worker's earlier runs count too."""
    with suppress(OSError):  # Linux, where ru_maxrss starts from the parent's peak
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)
        if found:
            return round(int(found[1]) / 2**10, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
