"""Hyper-parameters of a run, resolved from a method's name and settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
import hashlib
from math import isfinite

from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.spec.run import Run
from methods import METHODS, OBJECTIVES, Hyper, Method, Scalar

KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a word"}


@dataclass(frozen=True)
class UserMethod:
    """A method from a `--with` file: its name, the file's text, its default hyper-parameters."""

    name: str
    source: str
    hyper: Mapping[str, Scalar]

    @property
    def revision(self) -> str:
        """Hash of the file's text: an edited file is another method."""
        return "sha256:" + hashlib.sha256(self.source.encode()).hexdigest()[:16]


def defaults(method: str | UserMethod) -> dict[str, Scalar]:
    """A method's default hyper-parameters; raises UsageError for an unknown method."""
    if isinstance(method, UserMethod):
        return dict(method.hyper)
    return {name: hyper.default for name, hyper in _registered(method).hyper.items()}


def settable(method: str | UserMethod) -> dict[str, Scalar]:
    """What `resolve` takes for the method, with defaults: its hyper-parameters, and `lam`.

    Without `lam` if it weighs nothing in the method's loss."""
    weighted = isinstance(method, UserMethod) or _registered(method).weighted
    return defaults(method) | ({"lam": 1.0} if weighted else {})


def _registered(method: str) -> Method:
    known = METHODS | OBJECTIVES
    if method not in known:
        raise unknown("method", method, known)
    return known[method]


def resolve(run: Run, method: str | UserMethod, hyper: Mapping[str, Scalar]) -> Run:
    """The run with `method` and its defaults, overridden by `hyper`; "lam" there sets `run.lam`.

    Raises UsageError for an unknown name, a value of another type or one outside its bounds, and
    for a prior to which the method cannot match codes."""
    values, bounds = defaults(method), dict[str, Hyper]()
    if isinstance(method, UserMethod):
        name, revision = method.name, method.revision
    else:
        registered = _registered(method)
        name, revision, bounds = method, str(registered.revision), registered.hyper
        run = _fitting(run, name, registered)
    for key, value in hyper.items():
        if key not in settable(method):
            raise unknown(f"hyper-parameter of {name}", key, values)
        if key == "lam":
            run = replace(run, lam=float(_typed(f"{name}:lam", value, run.lam)))
            continue
        values[key] = _typed(f"{name}:{key}", value, values[key])
    if run.lam < 0:
        raise UsageError(f"{name}:lam cannot be below 0, as {run.lam:g} is")
    for key, known in bounds.items():
        _check(run, f"{name}:{key}", values[key], known)
        if known.needs and values[key] and not values[known.needs]:
            raise UsageError(f"{name}:{key}={values[key]} does nothing without {known.needs}")
    kept = {key: value for key, value in values.items()
            if key not in bounds or not bounds[key].later or value != bounds[key].default}
    return replace(run, method=name, revision=revision, hyper=tuple(sorted(kept.items())))


def complete(run: Run) -> dict[str, Scalar]:
    """The run's hyper-parameters, with the defaults that are left out of its key."""
    registered = (METHODS | OBJECTIVES).get(run.method)
    known = registered.hyper if registered else {}
    return {key: each.default for key, each in known.items() if each.later} | dict(run.hyper)


def _fitting(run: Run, name: str, method: Method) -> Run:
    """The run as the method asks: a whole loss brings its objective, prior and weight with it.

    Raises UsageError for a prior to which the method cannot match codes, and for a whole loss
    where no decoder is trained."""
    if name in OBJECTIVES:
        if run.objective == "latent":
            raise UsageError(f"{name} trains a decoder; here codes alone are matched to a prior")
        if run.prior not in method.priors:  # without any, codes are left as they are
            run = replace(run, prior=method.priors[0] if method.priors else "gaussian")
        return replace(run, objective=name, lam=run.lam if method.weighted else 1.0)
    if run.prior not in method.priors:
        raise UsageError(f"{name} matches codes to the prior {' or '.join(method.priors)}, "
                         f"not {run.prior}")
    return run


def _check(run: Run, name: str, value: Scalar, known: Hyper) -> None:
    """Raises UsageError for a value that the registry rules out in this run."""
    if known.at_least and value and value < (least := getattr(run, known.at_least)):
        raise UsageError(f"{name}={value} is below {known.at_least} = {least}")
    if not known.bounds.holds(value):
        raise UsageError(f"{name} must be {known.bounds.says}, not {value}")


def _typed(name: str, value: Scalar, default: Scalar) -> Scalar:
    """The value in its default's type: 1 and 1.0 are one run; UsageError for any other type."""
    if isinstance(value, float) and not isfinite(value):
        raise UsageError(f"{name} must be finite, not {value}")
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise UsageError(f"{name} takes {KINDS[type(default)]} such as {default!r}, not {value!r}")
    return value
