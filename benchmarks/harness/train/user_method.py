"""A user's own method: one Regularizer in one file, with its HYPER defaults."""

import importlib.util
import inspect
from math import inf
from pathlib import Path
import re
import sys
import traceback
from types import ModuleType
from typing import Any

from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.spec.hyperparameters import UserMethod
from methods import METHODS, OBJECTIVES
from methods.base import Regularizer


def load_module(path: Path) -> ModuleType:
    """Runs the file as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"user_method_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file: a method's file ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def regularizer_in(module: ModuleType) -> type[Regularizer]:
    """The one Regularizer of the module; raises UsageError unless it defines just one."""
    found = list({item: None for item in vars(module).values()
                  if isinstance(item, type) and issubclass(item, Regularizer)
                  and item.__module__ == module.__name__})
    if len(found) != 1:
        count = "no class derived" if not found else f"{len(found)} classes derived"
        raise UsageError(f"{module.__file__} defines {count} from methods.base.Regularizer; "
                         "a method's file defines one")
    return found[0]


def read(path: Path) -> UserMethod:
    """The method in a `--with` file, checked before anything is trained.

    Raises UsageError for a file that is absent, does not import, defines no method, or whose HYPER
    does not fit the class."""
    name = _name(path)
    try:
        source = path.read_text(encoding="utf-8")
        module = load_module(path)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 a user's file may raise anything
        raise complaint(path, "does not import", error) from None
    hyper = getattr(module, "HYPER", {})
    _check_hyper(path, name, hyper, regularizer_in(module))
    return UserMethod(name, source, hyper)


def complaint(path: Path, what: str, error: BaseException) -> UsageError:
    """The error to raise for one that the file's code has raised, with its line."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    where = f", line {lines[-1]}" if lines else ""
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    return UsageError(f"--with: {path}{where} {what}: {reason}")


def name_of(path: Path) -> str:
    """The name of the method in the file."""
    return path.stem.replace("_", "-")


def _name(path: Path) -> str:
    """The method's name, its file's stem; raises UsageError where that cannot be one."""
    if not path.is_file():
        raise UsageError(f"--with: there is no file {path}")
    name = name_of(path)
    if name in METHODS | OBJECTIVES or name == "floor":
        raise UsageError(f"--with: {name!r} is the name of a built-in method; rename {path.name}")
    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise UsageError(f"--with: {path.name!r} names the method; use small letters, digits, "
                         "- and _")
    return name


def _check_hyper(path: Path, name: str, hyper: Any, kind: type[Regularizer]) -> None:
    """Raises UsageError where HYPER does not fit the class."""
    if not isinstance(hyper, dict):
        raise UsageError(f"--with: HYPER in {path} must be a dictionary of names and defaults")
    if "lam" in hyper:
        raise UsageError(f"--with: HYPER in {path} has 'lam', which is the run's weight of the "
                         "penalty; rename it")
    for key, value in hyper.items():
        if type(value) not in (bool, int, float, str) or value in (inf, -inf) or value != value:
            raise UsageError(f"--with: HYPER[{key!r}] in {path} must be a number, text or truth "
                             f"value, not {value!r}")
    parameters = inspect.signature(kind).parameters.values()
    wanted = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for key in hyper:
        if key not in wanted:
            raise unknown(f"hyper-parameter (keyword-only argument) of {name}", str(key), wanted)
    for key in wanted:
        if key not in hyper:
            raise UsageError(f"--with: HYPER in {path} gives no default for {key!r}")
    try:
        inspect.signature(kind).bind(None, **hyper)
    except TypeError:
        raise UsageError(f"--with: {kind.__name__}.__init__ in {path} must take (self, context) "
                         "and its hyper-parameters after a *") from None
