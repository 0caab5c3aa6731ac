"""A user's own method: one Regularizer in one file, with its HYPER defaults."""

import importlib.util
import inspect
from pathlib import Path
import traceback
from types import ModuleType

from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.resolve import UserMethod
from methods import METHODS
from methods.base import Regularizer


def load_module(path: Path) -> ModuleType:
    """Runs the file as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"user_method_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file: a method's file ends in .py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def regularizer_in(module: ModuleType) -> type[Regularizer]:
    """The one Regularizer defined in the module; raises UsageError if there is not just one."""
    found = [item for item in vars(module).values()
             if isinstance(item, type) and issubclass(item, Regularizer)
             and item.__module__ == module.__name__]
    if len(found) != 1:
        count = "no class derived" if not found else f"{len(found)} classes derived"
        raise UsageError(f"{module.__file__} defines {count} from methods.base.Regularizer; "
                         "a method's file defines one")
    return found[0]


def read(path: Path) -> UserMethod:
    """The method in a `--with` file, checked before anything is trained.

    Raises UsageError for a file that is absent, does not import, defines no method, or whose HYPER
    does not fit the class.
    """
    if not path.is_file():
        raise UsageError(f"--with: there is no file {path}")
    try:
        module = load_module(path)
    except Exception as error:  # noqa: BLE001 a user's file may raise anything
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        where = f", line {lines[-1]}" if lines else ""
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UsageError(f"--with: {path}{where} does not import: {reason}") from None
    name = path.stem.replace("_", "-")
    if name in METHODS:
        raise UsageError(f"--with: {name!r} is the name of a built-in method; rename {path.name}")
    hyper = getattr(module, "HYPER", {})
    if not isinstance(hyper, dict):
        raise UsageError(f"--with: HYPER in {path} must be a dictionary of names and defaults")
    parameters = inspect.signature(regularizer_in(module)).parameters.values()
    wanted = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for key in hyper:
        if key not in wanted:
            raise unknown(f"hyper-parameter of {name}", key, wanted)
    for key in wanted:
        if key not in hyper:
            raise UsageError(f"--with: HYPER in {path} gives no default for {key!r}")
    return UserMethod(name, path.read_text(), hyper)
