"""From the words of a command to the artefacts that they name."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from benchmarks.harness.errors import UsageError, unknown
from benchmarks.harness.spec.artefact import Artefact

OF_ARTEFACTS = ("list", "plan", "status", "cancel", "verify")  # without names: of all of them
ALONE = ("classifier", "speed", "report", "findings")  # commands that take no names
COMMANDS = (*OF_ARTEFACTS, *ALONE, "tune", "logs")

Artefacts = Mapping[str, Artefact]


def wanted(
    command: str, names: Sequence[str], artefacts: Artefacts, grids: Artefacts
) -> list[Artefact]:
    """What the names after a command (or in its place) stand for, each once.

    Raises UsageError for a name of nothing, beside "all" too, and where a name is needed.
    """
    if command == "tune":
        if not names:
            raise UsageError(f"tune takes the name of a table: {', '.join(grids)}")
        found = [grid for name in names for grid in _tuned(name, grids)]
    else:
        if command == "cancel" and not names:
            raise UsageError("cancel takes the names of artefacts, or all")
        found = [_named(name, artefacts, grids) for name in names if name != "all"]
        if "all" in names or not names:
            found = [*artefacts.values(), *found]
    return list({item.name: item for item in found}.values())


def _named(name: str, artefacts: Artefacts, grids: Artefacts) -> Artefact:
    """The artefact of that name, or of that name's first part: fig1 is fig1-synthetic."""
    known = {item.name.split("-")[0]: item for item in artefacts.values()}
    known |= {item.name: item for item in (*artefacts.values(), *grids.values())}
    if name in known:
        return known[name]
    if name == "tune":
        raise UsageError("the command comes first: bench.py tune TABLE; to look one up, name its "
                         f"grid: {', '.join(grid.name for grid in grids.values())}")
    if name in OF_ARTEFACTS:
        raise UsageError(f"the command comes first: bench.py {name} NAME...")
    if name in COMMANDS:
        raise UsageError(f"{name} is a command and no artefact: bench.py {name}")
    near = get_close_matches(name.lower().replace("figure", "fig"), [*known, *COMMANDS], n=1)
    hint = f"did you mean {near[0]!r}?" if near else "bench.py list names them"
    raise UsageError(f"unknown artefact or command {name!r}; {hint}")


def _tuned(name: str, grids: Artefacts) -> list[Artefact]:
    """The grids by which a table's lambdas are chosen: table2 has table2-a1 and table2-a2."""
    found = [item for key, item in grids.items()
             if name in (key, key.rpartition("-")[0], item.name, "all")]
    if not found:
        raise unknown("table to tune", name, grids)
    return found
