"""Matplotlib as it comes: nothing that its user has set, in a file or a variable, has a say."""

from collections.abc import Iterator
from contextlib import chdir, contextmanager, nullcontext
import os
from pathlib import Path
from typing import Any

HIDDEN = {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}


@contextmanager
def _hidden_settings() -> Iterator[None]:
    """Hides the user's backend and matplotlibrc, which may not be there or be damaged."""
    before = {name: os.environ.get(name) for name in HIDDEN}
    os.environ.update(HIDDEN)
    # before all others Matplotlib reads one in the working directory
    elsewhere = chdir(Path(__file__).parent) if os.path.exists("matplotlibrc") else nullcontext()
    try:
        with elsewhere:
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


with _hidden_settings():
    import matplotlib

# all but the backend: a figure chooses that by the kind of its file
DEFAULTS: dict[Any, Any] = {name: value for name, value in matplotlib.rcParamsDefault.items()
                            if not name.startswith("backend")}
