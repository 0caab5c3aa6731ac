"""The architecture as tests: allowed imports, line limits, the README's options and links."""

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
from imports import MODULES, PACKAGES, SOURCES, imports_of, reached_from, room_of
import pytest

from methods import METHODS

HARNESS = ROOT / "benchmarks" / "harness"
MAX_FILE, MAX_FUNCTION, MAX_MODULES = 350, 40, 10
STANDARD = set(sys.stdlib_module_names)
HEAVY = {"torch", "torchvision", "numpy", "pandas", "scipy", "PIL", "submitit", "matplotlib",
         "sklearn", "ot", "geomloss", "scikit_posthocs"}
TRAINS = {"spec", "store", "data", "measure", "train"}
ROOMS = TRAINS | {"launch", "analysis", "results"}
# our modules that each part may import, besides itself, errors, console and methods
MAY_IMPORT = {
    "methods": set(), "figures": set(), "errors": set(), "console": set(), "harness": set(),
    "spec": set(), "store": {"spec"}, "data": {"spec", "store"}, "measure": {"spec", "data"},
    "train": TRAINS, "launch": TRAINS, "analysis": {"spec"},
    "results": {"spec", "store", "analysis", "figures"}, "command": ROOMS,
    "report": {"spec", "store", "launch", "analysis", "results"},
    "speed": ROOMS | {"declarations"}, "declarations": {"spec"}, "start": {"command"},
    "bench": {"start"},
}
MAIN = "benchmarks.harness.command.main"  # the one module that may import everything
MAY_IMPORT_OTHERS = {
    "methods": {"torch", "torchvision", "geomloss", "ot", "scipy"},
    "figures": {"pandas", "matplotlib", "numpy", "scikit_posthocs"},
    "console": {"rich"}, "data": {"torch", "torchvision", "numpy", "PIL"},
    "measure": {"torch", "torchvision", "numpy", "PIL", "sklearn", "safetensors", "pytorch_fid"},
    "train": {"torch", "safetensors"},
    "launch": {"torch", "submitit", "rich", "threadpoolctl"},
    "analysis": {"numpy", "pandas", "scipy", "scikit_posthocs"}, "results": {"pandas"},
    "command": {"torch", "pytorch_fid"}, "declarations": {"pandas"},
    "report": {"PIL", "jinja2", "markupsafe"},
    "speed": {"torch", "torchvision", "numpy", "pandas", "scipy", "PIL", "ot", "geomloss",
              "pytorch_fid", "pythae", "torch_fidelity"},
}


@pytest.mark.parametrize("module", MODULES)
def test_imports_of_our_modules_follow_the_table(module):
    room = room_of(module)
    allowed = MAY_IMPORT[room] | {room, "errors", "console", "methods"}
    if room in ("methods", "figures", "errors", "console"):
        allowed = {room}
    for found in imports_of(module):
        if found.module.split(".")[0] not in PACKAGES or module == MAIN:
            continue
        if room == "declarations" and found.inside:
            assert found.module in ("benchmarks.harness.analysis.tables",
                                    "benchmarks.harness.analysis.leaderboard"), found
            continue
        assert room_of(found.module) in allowed, found


@pytest.mark.parametrize("module", MODULES)
def test_imports_of_other_packages_follow_the_table(module):
    room = room_of(module)
    for found in imports_of(module):
        top = found.module.split(".")[0]
        if top not in (*STANDARD, *PACKAGES) and not found.typing:
            assert top in MAY_IMPORT_OTHERS.get(room, ()), found
            assert room != "declarations" or found.inside, found


def test_importing_the_command_imports_no_large_package():
    """Keeps help, list, status and verify fast."""
    reached = reached_from(MAIN)
    assert "benchmarks.harness.spec.run" in reached  # the graph does follow imports
    found = {module: by for module, by in reached.items() if module.split(".")[0] in HEAVY}
    assert not found


def without_encoding(source):
    """The lines of a source that read or write text and name no encoding."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        *_, name = ast.unparse(call.func).split(".")
        words = {word.arg: ast.unparse(word.value) for word in call.keywords}
        binary = re.search(r"'[rwax+]*b[+]?'", " ".join([*map(ast.unparse, call.args),
                                                        *words.values()]))
        foreign = ast.unparse(call.func) in ("Image.open", "tarfile.open", "os.open")
        opens = name == "open" and not binary and not foreign
        if "encoding" not in words and (
                opens or name in ("read_text", "write_text") or words.get("text") == "True"):
            yield call.lineno


@pytest.mark.parametrize(("line", "found"), [
    ("open(path)", 1), ("open(path, 'rb')", 0), ("path.open('w')", 1), ("open(path, mode='a')", 1),
    ("open(path, 'ab' if resumed else 'wb')", 0), ("open(path, encoding='utf-8')", 0),
    ("(a / 'b').read_text()", 1), ("path.write_text(text, encoding='utf-8')", 0),
    ("run(words, text=True)", 1), ("subprocess.run(words, text=True, encoding='utf-8')", 0),
    ("Image.open(path)", 0)])
def test_text_without_an_encoding_is_seen(line, found):
    assert len(list(without_encoding(line))) == found


@pytest.mark.parametrize("module", MODULES)
def test_text_is_read_and_written_in_a_named_encoding(module):
    """Also where the linter's PLW1514 does not see that something is a path."""
    assert not list(without_encoding(MODULES[module].read_text(encoding="utf-8")))


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_functions_stay_within_their_line_limits(module):
    text = MODULES[module].read_text()
    assert len(text.splitlines()) <= MAX_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < MAX_FUNCTION, node.name


def test_harness_folder_holds_at_most_ten_modules():
    for folder in (HARNESS, *(path for path in HARNESS.iterdir() if path.is_dir())):
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MAX_MODULES, folder
        package = folder / "__init__.py"
        assert not package.exists() or folder == HARNESS or not package.read_text()


def test_product_stays_within_its_line_budget():
    assert sum(len(path.read_text().splitlines()) for path in SOURCES) <= 20_000


@pytest.mark.parametrize("name", METHODS)
def test_registry_equals_the_hyper_parameters_of_the_classes(name):
    parameters = inspect.signature(kind_of(name)).parameters.values()
    wanted = {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    assert set(wanted) == set(METHODS[name].hyper)
    for key, hyper in METHODS[name].hyper.items():
        assert wanted[key].annotation is type(hyper.default)
        assert hyper.source


def readme():
    return (ROOT / "README.md").read_text()


def test_readme_example_method_joins_figure_csv_and_claims(place):
    (code,) = re.findall(r"```python\n(.*?)```", readme(), re.DOTALL)
    assert len(code.splitlines()) <= 30
    (place.folder / "energy_power.py").write_text(code)
    line = next(line for line in readme().splitlines() if "--with energy_power.py" in line)
    words = shlex.split(line)
    assert words[1] == "bench.py"
    done = place.bench(*words[2:], "--scale", "smoke", "--seeds", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = place.cache / "smoke" / "custom" / "fig1-synthetic"
    assert "smoke,energy-power,main," in (folder / "runs.csv").read_text()
    assert ",energy-power," in (folder / "data.csv").read_text()
    assert "C1[energy-power]" in (folder / "claims.csv").read_text()
    assert "C1[energy-power]" in done.stdout


def test_readme_options_and_links_exist():
    text = readme()
    shown = subprocess.run([sys.executable, ROOT / "bench.py", "--help"], capture_output=True,
                           text=True, check=True).stdout
    for option in set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text)):
        assert option in shown or option in ("--version",), option
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / path).exists(), path


def test_committed_package_versions_satisfy_the_declared_ranges():
    from packaging.requirements import Requirement
    lock = dict(line.split("==") for line in (ROOT / ".ci/requirements.lock").read_text().split())
    lock = {name.lower().replace("_", "-"): version for name, version in lock.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in project["dependencies"]:
        need = Requirement(text)
        assert need.specifier.contains(lock[need.name.lower()]), text


def test_committed_files_do_not_name_local_paths():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True,
                            check=True).stdout.split("\n")
    for name in filter(None, listed):
        path = ROOT / name
        if path.suffix in (".png", ".pdf") or not path.exists():
            continue
        text = path.read_bytes().decode(errors="replace")  # weights are not text
        for word in (str(Path.home()) + "/", "/".join(("", "work", "main"))):
            assert word not in text, f"{name} names {word}"
