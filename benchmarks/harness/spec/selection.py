"""A selection: an artefact at a scale, with its arms, seeds and results folder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.spec.artefact import Arm, Artefact, Curve, Measure
from benchmarks.harness.spec.claims import Claim
from benchmarks.harness.spec.hyperparameters import KINDS, UserMethod, resolve, settable
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.user_data import UserData
from methods import METHODS, Scalar


@dataclass(frozen=True)
class PlannedRun:
    """One run of an artefact, with its arm, measures and curves."""

    arm: Arm
    run: Run
    measures: tuple[Measure, ...] = ()
    curves: tuple[Curve, ...] = ()
    recorded: tuple[Curve, ...] = ()  # `curves`, and those that other artefacts ask of an equal run

    def has(self, measure: str) -> bool:
        """Whether the measure is taken of the run."""
        return any(asked.name == measure for asked in self.measures)

    @property
    def label(self) -> str:
        """The arm and seed, for messages."""
        return f"{self.arm.name}, seed {self.run.seed}"


@dataclass(frozen=True)
class Selection:
    """An artefact with its arms and seeds picked."""

    artefact: Artefact
    scale: str
    arms: tuple[Arm, ...]
    seeds: int
    custom: bool  # picked by hand; never overwrites the full results
    claims: tuple[Claim, ...]
    precision: str | None = None  # instead of the artefact's; has its own results folder
    sources: dict[str, str] = field(default_factory=dict)  # user's method -> text of its file
    data: UserData | None = None  # instead of the artefact's
    asked: Mapping[Run, tuple[Curve, ...]] = field(default_factory=dict)  # by all artefacts, seed 0
    without: Mapping[str, str] = field(default_factory=dict)  # measure -> why it is left out
    measured: frozenset[tuple[str, Measure]] = frozenset()  # those that a run, by key, has already

    def entries(self) -> list[PlannedRun]:
        """All runs, by stage, then seed: rivals under one seed finish together."""
        return list(self._entries)

    @cached_property
    def _entries(self) -> list[PlannedRun]:
        stages = sorted({arm.stage for arm in self.arms})
        return [self._entry(arm, seed) for stage in stages for seed in range(self.seeds)
                for arm in self.arms if arm.stage == stage]

    def _entry(self, arm: Arm, seed: int) -> PlannedRun:
        curves = self.artefact.curves(self.scale)
        if self.data:
            curves = tuple(map(self.data.curve, curves))
        recorded = dict.fromkeys((*curves, *self.asked.get(arm.run, ())))
        run = replace(arm.run, seed=seed)
        asked = self.measures(seed) if arm.measures is None else arm.measures
        measures = tuple(measure for measure in asked
                         if measure.name not in self.without or (run.key, measure) in self.measured)
        return PlannedRun(arm, run, measures, curves,
                          tuple(sorted(recorded, key=lambda curve: curve.id)))

    def measures(self, seed: int) -> tuple[Measure, ...]:
        """The measures of a seed's runs."""
        asked = self.artefact.measures(self.scale, seed)
        return self.data.measures(self.artefact, asked) if self.data else asked

    def results(self, results: Path, cache: Path) -> Path:
        """The results folder; at smoke scale it is always in the cache."""
        apart = "custom" if self.custom else self.precision or ""
        if self.scale == "smoke":
            return cache / "smoke" / apart / self.artefact.name
        return results / apart / ("mini" if self.scale == "mini" else "") / self.artefact.name


def select(
    artefact: Artefact, scale: str, seeds: int | None, methods: str | None,
    own: Iterable[UserMethod], data: UserData | None = None,
    asked: Mapping[Run, tuple[Curve, ...]] = MappingProxyType({}), precision: str | None = None,
) -> Selection:
    """The selection of the command line; raises UsageError for unknown names."""
    default, mine = artefact.seeds[scale], dict[str, UserMethod]()
    for method in own:
        if method.name in mine:
            raise UsageError(f"--with: two files define a method called {method.name!r}")
        mine[method.name] = method
    arms, added = list(artefact.arms(scale)), list[Arm]()
    if methods is not None:
        arms, added = arms_by_method(artefact, scale, methods.split(","), mine)
    there = {arm.run.method for arm in added}
    added += [arm for name in mine if name not in there
              for arm in arms_for_method(artefact, scale, mine[name], {})]
    added = without_duplicates(arms, added)
    if all(arm.run.precision == precision for arm in (*arms, *added)):
        precision = None  # as declared: the same results
    every = tuple(_adapted(arm, artefact, data, precision) for arm in (*arms, *added))
    declared = {arm.name for arm in artefact.arms(scale)}
    judged = [artefact.claim_for(scale, arm.name) for arm in added if arm.name not in declared]
    claims = [*artefact.claims(scale), *(claim for claim in judged if claim)]
    custom = bool(methods is not None or mine or data or (seeds or default) < default)
    if custom:  # the paper's verdict is on its own arms, seeds and images
        claims = [claim.on(data.name) if data else claim.by_hand() for claim in claims]
    return Selection(
        artefact, scale, every, seeds or default, custom=custom,
        claims=tuple(claims), precision=precision,
        sources={name: method.source for name, method in mine.items()}, data=data, asked=asked)


def _adapted(arm: Arm, artefact: Artefact, data: UserData | None, precision: str | None) -> Arm:
    """The arm on the user's data and in the asked precision, where they are given."""
    arm = data.arm(artefact, arm) if data else arm
    return replace(arm, run=replace(arm.run, precision=precision)) if precision else arm


def asked_curves(
    artefacts: Iterable[Artefact], scale: str, data: UserData | None = None,
    precision: str | None = None,
) -> dict[Run, tuple[Curve, ...]]:
    """The curves that the artefacts together ask of each seed-0 run, also on a user's data."""
    asked: dict[Run, tuple[Curve, ...]] = {}
    for artefact in artefacts:
        curves = artefact.curves(scale)
        for arm in artefact.arms(scale) if curves else ():
            if data and not data.trains(arm.run):
                continue
            run = _adapted(arm, artefact, data, precision).run
            fitting = map(data.curve, curves) if data else curves
            asked[run] = tuple(dict.fromkeys((*asked.get(run, ()), *fitting)))
    return asked


def without_duplicates(arms: list[Arm], added: list[Arm]) -> list[Arm]:
    """The added arms with new runs; raises UsageError if one name has two runs."""
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


def arms_by_method(
    artefact: Artefact, scale: str, items: list[str], mine: Mapping[str, UserMethod]
) -> tuple[list[Arm], list[Arm]]:
    """The declared arms of each METHOD, and a new arm per METHOD:NAME=VALUE[:NAME=VALUE]."""
    declared, names, added = artefact.arms(scale), list[str](), list[Arm]()
    for item in items:
        name, *settings = item.strip().split(":")
        known = dict.fromkeys([*METHODS, *mine, *(arm.run.method for arm in declared)])
        if name not in known:
            raise unknown("method", name, known)
        if settings or name not in {arm.run.method for arm in declared}:
            method = mine.get(name, name)
            added += arms_for_method(artefact, scale, method, _parsed(name, settings, mine))
        else:
            names.append(name)
    return [arm for arm in declared if arm.run.method in names], added


def _parsed(method: str, settings: list[str], mine: Mapping[str, UserMethod]) -> dict[str, Scalar]:
    """The NAME=VALUE words as hyper-parameters, each in the type of its default."""
    known, hyper = settable(mine.get(method, method)), dict[str, Scalar]()
    if settings and not known:
        raise UsageError(f"{method} takes no settings: its loss has no free weight")
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


def arms_for_method(
    artefact: Artefact, scale: str, method: str | UserMethod, hyper: dict[str, Scalar]
) -> tuple[Arm, ...]:
    """The artefact's own arms of a method, or one: its template with the method in it."""
    if artefact.own_arms:
        return artefact.own_arms(scale, method, hyper)
    name = method if isinstance(method, str) else method.name
    shown = ",".join(f"{key}={value}" for key, value in hyper.items())
    settings = {**artefact.settings(scale).get(name, {}), **hyper}
    run = resolve(artefact.template(scale), method, settings)
    return (Arm(f"{name}[{shown}]" if shown else name, run),)
