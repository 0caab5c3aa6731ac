"""Errors that the user can fix, each in one line."""

from collections.abc import Iterable
from difflib import get_close_matches


class UsageError(Exception):
    """A mistake in the request; its one line names the problem and the fix."""


class MissingDataError(UsageError):
    """A data set is not available; runs on other data sets can go on."""


class LostGpuError(Exception):
    """The GPU is unusable in this process; the other runs need a new one."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for an unknown name, with the nearest known name or all of them."""
    known = list(known)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    return UsageError(f"unknown {kind} {name!r}; {hint}")
