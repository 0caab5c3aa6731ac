"""The architecture as tests: who may import whom, how long things are, what the README says."""

import ast
import inspect
from pathlib import Path
import re
import shlex
import subprocess
import sys
import tomllib

from conftest import ROOT
from contract import kind_of
import pytest

from methods import METHODS

PACKAGES = ("methods", "benchmarks", "figures")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SOURCES.append(ROOT / "bench.py")
MAX_FILE, MAX_FUNCTION = 150, 40
STANDARD = set(sys.stdlib_module_names)
MAY_IMPORT = {
    "methods": {"methods", "torch", "torchvision", "geomloss", "ot", "scipy"},
    "figures": {"figures", "pandas", "matplotlib", "numpy"},
    "declarations": {"benchmarks", "methods"},
    "harness": {"benchmarks", "methods", "figures", "torch", "torchvision", "numpy", "pandas",
                "scipy", "rich", "submitit", "sklearn", "threadpoolctl", "safetensors", "PIL",
                "pytorch_fid"},
    "bench.py": {"benchmarks"},
}
MAY_IMPORT["report"] = {"benchmarks", "PIL", "jinja2", "markupsafe"}
MAY_IMPORT["speed"] = MAY_IMPORT["harness"] | {"ot", "geomloss", "pythae", "torch_fidelity"}


def layer(path):
    parts = path.relative_to(ROOT).parts
    if parts[0] == "benchmarks":
        return parts[1] if parts[1] in ("harness", "speed", "report") else "declarations"
    return parts[0]


def imports(tree):
    """Modules imported when the file is, and those imported later, inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node, node.module


def only_for_types(tree):
    return [node for block in ast.walk(tree) if isinstance(block, ast.If)
            and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
            for node in block.body]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way(path):
    tree = ast.parse(path.read_text())
    typing = only_for_types(tree)
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    for node, name in imports(tree):
        top = name.split(".")[0]
        if top in STANDARD or node in typing:
            continue
        if layer(path) == "declarations" and id(node) in inside:
            assert name in ("pandas", "benchmarks.harness.intervals")
            continue
        assert top in MAY_IMPORT[layer(path)], f"{path.name} imports {name}"
        if layer(path) == "declarations" and path.name != "__init__.py":
            shared = {"benchmarks", *(f"benchmarks.{name}" for name in (
                "gallery", "tuning", "images", "grids", "ranking", "cifar10", "celeba",
                "celebahq", "fig1_claims", "fig2_claims", "fig7_claims"))}
            values = {f"benchmarks.harness.{name}" for name in (
                "spec", "claim", "run", "resolve", "ambiguity")}
            assert name in {"methods", *values, *shared}
        if layer(path) == "harness" and path.name != "command.py":
            assert name != "benchmarks", f"{path.name} must not know the declarations"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_fit_on_a_screen(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < MAX_FUNCTION, node.name


@pytest.mark.parametrize("name", METHODS)
def test_the_registry_is_what_the_classes_take(name):
    parameters = inspect.signature(kind_of(name)).parameters.values()
    wanted = {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    assert set(wanted) == set(METHODS[name].hyper)
    for key, hyper in METHODS[name].hyper.items():
        assert wanted[key].annotation is type(hyper.default)
        assert hyper.source


def readme():
    return (ROOT / "README.md").read_text()


def test_the_readmes_example_method_joins_figure_csv_and_claims(place):
    (code,) = re.findall(r"```python\n(.*?)```", readme(), re.DOTALL)
    assert len(code.splitlines()) <= 30
    (place.folder / "energy.py").write_text(code)
    (line,) = [line for line in readme().splitlines() if "--with energy.py" in line]
    words = shlex.split(line)
    assert words[1] == "bench.py"
    done = place.bench(*words[2:], "--scale", "smoke", "--seeds", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = place.cache / "smoke" / "custom" / "fig1-synthetic"
    assert ",energy,main," in (folder / "runs.csv").read_text().replace("smoke,energy", ",energy")
    assert ",energy," in (folder / "data.csv").read_text()
    assert "C1[energy]" in (folder / "claims.csv").read_text()
    assert "C1[energy]" in done.stdout


def test_the_readme_names_only_what_exists():
    text = readme()
    shown = subprocess.run([sys.executable, ROOT / "bench.py", "--help"], capture_output=True,
                           text=True, check=True).stdout
    for option in set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text)):
        assert option in shown or option in ("--version",), option
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / path).exists(), path


def test_dependencies_of_the_committed_results_satisfy_the_ranges():
    from packaging.requirements import Requirement
    lock = dict(line.split("==") for line in (ROOT / ".ci/requirements.lock").read_text().split())
    lock = {name.lower().replace("_", "-"): version for name, version in lock.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in project["dependencies"]:
        need = Requirement(text)
        assert need.specifier.contains(lock[need.name.lower()]), text


def test_nothing_committed_names_the_place_it_was_made_at():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True,
                            check=True).stdout.split("\n")
    for name in filter(None, listed):
        path = ROOT / name
        if path.suffix in (".png", ".pdf") or not path.exists():
            continue
        text = path.read_bytes().decode(errors="replace")  # weights are no text
        for word in (str(Path.home()) + "/", "/".join(("", "work", "main"))):
            assert word not in text, f"{name} names {word}"
