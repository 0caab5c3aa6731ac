"""The command's start: old interpreters, closed or narrow streams, damaged packages."""

import ast
import os
from pathlib import Path
import shlex
import subprocess
import sys

from busy import HANG
from conftest import ROOT
import pytest

OLD = sorted(path for folder, pattern in (
    (Path.home() / ".pyenv/versions", "[23].*/bin/python"), (Path("/usr/bin"), "python[23]*"))
    for path in folder.glob(pattern))


def shell(text, **env):
    """Runs a line of bash."""
    return subprocess.run(["bash", "-c", text], capture_output=True, encoding="utf-8", check=False,
                          timeout=HANG, cwd=ROOT, env=os.environ | env)


def bench(place, *words):
    return shlex.join(place.command(*words))


def test_old_interpreter_is_told_so_in_one_line():
    told = 0
    for python in OLD:
        asked = [python, "-c", "import sys; print(sys.version_info[:2] < (3, 11))"]
        version = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False)
        if version.stdout.strip() != "True":  # new, or no interpreter
            continue
        done = subprocess.run([python, ROOT / "bench.py", "list"], capture_output=True,
                              encoding="utf-8", check=False)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert "needs Python 3.11 or newer" in line
        told += 1
    if not told:
        pytest.skip("no old Python here")


def test_first_file_has_no_syntax_of_new_interpreters():
    tree = ast.parse((ROOT / "bench.py").read_bytes())
    kinds = {type(node) for node in ast.walk(tree)}
    assert not kinds & {ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match, ast.Try, ast.With,
                        ast.FunctionDef, ast.AsyncFunctionDef, ast.Starred}
    assert (ROOT / "bench.py").read_bytes().isascii()


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_cost_nothing(closed, place):
    done = shell(f"{bench(place, 'list')} {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert (">&-" in closed.replace("2>&-", "")) or "fig1-synthetic" in done.stdout


STARTS = """
import subprocess, sys
from benchmarks.harness.start import prepare_streams
prepare_streams()
with open(sys.argv[1], "w", encoding="utf-8") as file:
    print("to nobody", flush=True)
    child = "import sys; print('to nobody', flush=True); sys.exit(sys.stdin.read())"
    status = subprocess.run([sys.executable, "-c", child]).returncode
    file.write(f"{file.fileno() > 2} {status}")
"""


def test_processes_started_under_closed_streams_have_streams(tmp_path):
    script, place = tmp_path / "starts.py", tmp_path / "file"
    script.write_text(STARTS, encoding="utf-8")
    words = shlex.join([sys.executable, str(script), str(place)])
    done = shell(f"{words} <&- >&- 2>&-", PYTHONPATH=str(ROOT))
    assert done.returncode == 0
    assert place.read_text(encoding="utf-8") == "True 1"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_names_that_an_output_cannot_encode_are_escaped(encoding, tmp_path):
    script = ("from benchmarks.harness.start import prepare_streams\nprepare_streams()\n"
              "print('τ \\udcfc')")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=ROOT,
                          env=os.environ | {"PYTHONIOENCODING": encoding}, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode(encoding)
    assert said == ("τ" if encoding == "utf-8" else "\\u03c4") + " \\udcfc\n"


def test_full_device_as_output_costs_one_line(place):
    done = shell(f"{bench(place, 'list')} >/dev/full")
    assert done.returncode == 1
    assert done.stderr == "bench.py: [Errno 28] No space left on device\n"


def test_damaged_package_costs_one_line(place, tmp_path):
    (tmp_path / "pandas.py").write_text("from numpy import no_such_name\n", encoding="utf-8")
    place.results.mkdir()
    done = shell(bench(place, "report"), PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "damaged package numpy" in line
