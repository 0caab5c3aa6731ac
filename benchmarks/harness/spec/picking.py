"""Arms picked by hand: `--methods M,M:NAME=VALUE` and `--with FILE`."""

from collections.abc import Mapping

from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.spec.artefact import Arm, Artefact
from benchmarks.harness.spec.hyperparameters import KINDS, UserMethod, defaults, resolve
from methods import METHODS, OBJECTIVES, Scalar


def distinct(arms: list[Arm], added: list[Arm]) -> list[Arm]:
    """The added arms less those whose run is there; UsageError for one name with two runs."""
    names, runs, kept = {arm.name for arm in arms}, {arm.run for arm in arms}, list[Arm]()
    for arm in added:
        if arm.run in runs:
            continue
        if arm.name in names:
            raise UsageError(f"two arms are called {arm.name!r}; rename one")
        names.add(arm.name)
        runs.add(arm.run)
        kept.append(arm)
    return kept


def named(
    artefact: Artefact, scale: str, items: list[str], mine: Mapping[str, UserMethod]
) -> tuple[list[Arm], list[Arm]]:
    """The declared arms of each METHOD, and a new arm for each METHOD:NAME=VALUE[:NAME=VALUE]."""
    declared = artefact.arms(scale)
    names: list[str] = []
    added: list[Arm] = []
    for item in items:
        name, *settings = item.strip().split(":")
        known = dict.fromkeys([*METHODS, *mine, *(arm.run.method for arm in declared)])
        if name not in known:
            raise unknown("method", name, known)
        if settings and name in OBJECTIVES:
            raise UsageError(f"{name} takes no settings: its loss has no free weight")
        if settings or name not in {arm.run.method for arm in declared}:
            method = mine.get(name, name)
            added.append(adopted(artefact, scale, method, _parsed(name, settings, mine)))
        else:
            names.append(name)
    return [arm for arm in declared if arm.run.method in names], added


def _parsed(
    method: str, settings: list[str], mine: Mapping[str, UserMethod]
) -> dict[str, Scalar]:
    """NAME=VALUE words as hyper-parameters, each in the type of its default."""
    known = defaults(mine.get(method, method)) | {"lam": 1.0}
    hyper: dict[str, Scalar] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in known:
            raise unknown(f"hyper-parameter of {method}", name, known)
        if name in hyper:
            raise UsageError(f"{method}:{name} is set twice")
        kind = type(known[name])
        try:
            hyper[name] = {"True": True, "False": False}[text] if kind is bool else kind(text)
        except (ValueError, KeyError):
            raise UsageError(f"{method}:{name} takes {KINDS[kind]} such as "
                             f"{known[name]!r}, not {text!r}") from None
    return hyper


def adopted(
    artefact: Artefact, scale: str, method: str | UserMethod, hyper: dict[str, Scalar]
) -> Arm:
    """An arm of the main panel with the method put into the artefact's template."""
    name = method if isinstance(method, str) else method.name
    shown = ",".join(f"{key}={value}" for key, value in hyper.items())
    settings = {**artefact.settings(scale).get(name, {}), **hyper}
    run = resolve(artefact.template(scale), method, settings)
    return Arm(f"{name}[{shown}]" if shown else name, run)
