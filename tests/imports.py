"""The project's imports as a graph, read from the source without running it."""

import ast
from pathlib import Path
from typing import NamedTuple

from conftest import ROOT

PACKAGES = ("methods", "benchmarks", "figures")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SOURCES.append(ROOT / "bench.py")


class Import(NamedTuple):
    """One imported module; `from package import module` counts as that module."""

    module: str
    line: int
    inside: bool  # inside a function, so not run when the file itself is imported
    typing: bool  # under `if TYPE_CHECKING`


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in SOURCES}


def room_of(module: str) -> str:
    """The part a module belongs to: a folder of the harness, another package, the declarations."""
    first, *rest = module.split(".")
    if first != "benchmarks":
        return first
    if rest[:1] == ["harness"]:
        return rest[1] if len(rest) > 1 else "harness"
    return rest[0] if rest and rest[0] in ("report", "speed") else "declarations"


def imports_of(module: str) -> list[Import]:
    """Returns every import in the module's source."""
    tree = ast.parse(MODULES[module].read_text())
    inside = {id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)
              for node in ast.walk(function)}
    typing = {id(node) for block in ast.walk(tree) if isinstance(block, ast.If)
              and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
              for child in block.body for node in ast.walk(child)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in names]
        else:
            continue
        found += [Import(name, node.lineno, id(node) in inside, id(node) in typing)
                  for name in names]
    return found


def reached_from(module: str) -> dict[str, str]:
    """Every module loaded by importing this one, mapped to the module of ours that imports it."""
    reached, queue = {module: ""}, [module]
    while queue:
        current = queue.pop()
        for each in imports_of(current):
            if each.inside or each.typing or each.module in reached:
                continue
            reached[each.module] = current
            parents = [each.module.rsplit(".", k)[0] for k in range(each.module.count(".") + 1)]
            for ours in {name for name in parents if name in MODULES} - {""}:
                reached.setdefault(ours, current)
                queue.append(ours)
    return reached
