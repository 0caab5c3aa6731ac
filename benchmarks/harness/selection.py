"""What was asked for: an artefact at a scale, its arms, its seeds, and where the results go."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.resolve import UserMethod, defaults, resolve
from benchmarks.harness.run import Run
from benchmarks.harness.spec import Arm, Artefact, Claim, Measure
from methods import METHODS, OBJECTIVES, Scalar


@dataclass(frozen=True)
class Entry:
    """One run of an artefact, with the arm that it belongs to."""

    arm: Arm
    run: Run
    measures: tuple[Measure, ...] = ()

    @property
    def label(self) -> str:
        """What a person calls the run."""
        return f"{self.arm.name}, seed {self.run.seed}"


@dataclass(frozen=True)
class Selection:
    """An artefact with its arms and seeds picked."""

    artefact: Artefact
    scale: str
    arms: tuple[Arm, ...]
    seeds: int
    custom: bool  # picked by hand: never written over the full results
    claims: tuple[Claim, ...]
    sources: dict[str, str] = field(default_factory=dict)  # user's method -> text of its file

    def entries(self) -> list[Entry]:
        """Every run, stage by stage, seed by seed: rivals under one seed finish together."""
        stages = sorted({arm.stage for arm in self.arms})
        return [Entry(arm, replace(arm.run, seed=seed), self.artefact.measures(self.scale, seed))
                for stage in stages for seed in range(self.seeds)
                for arm in self.arms if arm.stage == stage]

    def results(self, results: Path, cache: Path) -> Path:
        """The folder of the results; smoke results never stand under `results`."""
        name = self.artefact.name
        if self.scale == "smoke":
            return cache / "smoke" / ("custom" if self.custom else "") / name
        if self.custom:
            return results / "custom" / ("mini" if self.scale == "mini" else "") / name
        return results / ("mini" if self.scale == "mini" else "") / name


def select(
    artefact: Artefact, scale: str, seeds: int | None, methods: str | None,
    own: Iterable[UserMethod],
) -> Selection:
    """Resolves what the command line names; raises UsageError for what does not exist."""
    default, mine = artefact.seeds[scale], dict[str, UserMethod]()
    for method in own:
        if method.name in mine:
            raise UsageError(f"--with: two files define a method called {method.name!r}")
        mine[method.name] = method
    arms, added = list(artefact.arms(scale)), list[Arm]()
    if methods is not None:
        arms, added = _named(artefact, scale, methods.split(","), mine)
    named = {arm.run.method for arm in added}
    added += [_adopted(artefact, scale, mine[name], {}) for name in mine if name not in named]
    added = _distinct(arms, added)
    claims = [*artefact.claims, *(artefact.claim_for(arm.name) for arm in added)]
    return Selection(
        artefact, scale, (*arms, *added), seeds or default,
        custom=bool(methods is not None or mine or (seeds or default) < default),
        claims=tuple(claims), sources={name: method.source for name, method in mine.items()},
    )


def _distinct(arms: list[Arm], added: list[Arm]) -> list[Arm]:
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


def _named(
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
            added.append(_adopted(artefact, scale, method, _parsed(name, settings, mine)))
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
            raise UsageError(f"{method}:{name} takes {kind.__name__} such as "
                             f"{known[name]!r}, not {text!r}") from None
    return hyper


def _adopted(
    artefact: Artefact, scale: str, method: str | UserMethod, hyper: dict[str, Scalar]
) -> Arm:
    """An arm of the main panel with the method put into the artefact's template."""
    name = method if isinstance(method, str) else method.name
    shown = ",".join(f"{key}={value}" for key, value in hyper.items())
    settings = {**artefact.settings(scale).get(name, {}), **hyper}
    run = resolve(artefact.template(scale), method, settings)
    return Arm(f"{name}[{shown}]" if shown else name, run)
