"""From a method's name and some settings to a run's resolved hyper-parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
import hashlib
from math import isfinite

from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.run import Run
from methods import METHODS, OBJECTIVES, Method, Scalar


@dataclass(frozen=True)
class UserMethod:
    """A method from a `--with` file: its name, the file's text, its hyper-parameters' defaults."""

    name: str
    source: str
    hyper: Mapping[str, Scalar]

    @property
    def revision(self) -> str:
        """Hash of the file's text: an edited method is another method."""
        return "sha256:" + hashlib.sha256(self.source.encode()).hexdigest()[:16]


def defaults(method: str | UserMethod) -> dict[str, Scalar]:
    """A method's hyper-parameters at their defaults; raises UsageError for an unknown method."""
    if isinstance(method, UserMethod):
        return dict(method.hyper)
    return {name: hyper.default for name, hyper in _registered(method).hyper.items()}


def _registered(method: str) -> Method:
    known = METHODS | OBJECTIVES
    if method not in known:
        raise unknown("method", method, known)
    return known[method]


def resolve(run: Run, method: str | UserMethod, hyper: Mapping[str, Scalar]) -> Run:
    """The run with `method`, its defaults overridden by `hyper`; "lam" in it is the run's own.

    Raises UsageError for a name that the method does not have, a value of another type, or one
    below the field of the run that bounds it.
    """
    values, bounds = defaults(method), dict[str, str]()
    if isinstance(method, UserMethod):
        name, revision = method.name, method.revision
    else:
        registered = _registered(method)
        name, revision = method, str(registered.revision)
        bounds = {key: item.at_least for key, item in registered.hyper.items() if item.at_least}
    for key, value in hyper.items():
        if key == "lam":
            run = replace(run, lam=float(_typed(f"{name}:lam", value, run.lam)))
            continue
        if key not in values:
            raise unknown(f"hyper-parameter of {name}", key, values)
        values[key] = _typed(f"{name}:{key}", value, values[key])
    for key, field in bounds.items():
        if values[key] < getattr(run, field):
            raise UsageError(f"{name}:{key}={values[key]} is below {field} = {getattr(run, field)}")
    return replace(run, method=name, revision=revision, hyper=tuple(sorted(values.items())))


def _typed(name: str, value: Scalar, default: Scalar) -> Scalar:
    """The value in its default's type, so that 1 and 1.0 are one run; UsageError if it is none."""
    if isinstance(value, float) and not isfinite(value):
        raise UsageError(f"{name} must be finite, not {value}")
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        kind = type(default).__name__
        raise UsageError(f"{name} takes {kind} such as {default!r}, not {value!r}")
    return value
