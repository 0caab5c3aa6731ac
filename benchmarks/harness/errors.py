"""User errors, each told in one line."""

from collections.abc import Iterable
from difflib import get_close_matches


class UsageError(Exception):
    """A mistake in the request; its one line names the problem and the fix."""


class MissingDataError(UsageError):
    """A data set is not here; what needs others can go on."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not among the known ones, with the nearest if there is one."""
    known = list(known)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    return UsageError(f"unknown {kind} {name!r}; {hint}")
