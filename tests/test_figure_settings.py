"""Figures are the same bytes whatever the user has set for Matplotlib."""

import hashlib
import os
import subprocess
import sys

from busy import HANG
from conftest import ROOT
from matplotlib import rc_context
import pytest

from benchmarks.harness.results.rows import read_csv
from benchmarks.harness.results.write import PICTURES
from figures import FIGURES
from figures.saving import saved

DRAWN = ROOT / "results" / "mini" / "fig3-isotropy"
SETTINGS = {
    "latex": {"text.usetex": True},
    "letters": {"font.family": "serif", "font.size": 20, "mathtext.fontset": "cm",
                "axes.unicode_minus": False, "axes.formatter.use_locale": True},
    "colours": {"figure.facecolor": "black", "savefig.facecolor": "red", "axes.facecolor": "0.3",
                "text.color": "white", "axes.edgecolor": "white", "savefig.transparent": True},
    "files": {"savefig.bbox": "tight", "savefig.pad_inches": 1, "svg.fonttype": "none",
              "pdf.compression": 0, "pdf.use14corefonts": True, "svg.hashsalt": "own",
              "savefig.format": "pdf", "savefig.orientation": "landscape"},
    "lines": {"path.simplify": False, "path.sketch": (1, 100, 2), "lines.linestyle": "--",
              "lines.antialiased": False, "axes.xmargin": 0.3, "axes.linewidth": 5,
              "xtick.direction": "in", "xtick.minor.visible": True, "axes.labelpad": 20,
              "figure.autolayout": True, "legend.loc": "center", "text.hinting": "none"}}


def digests():
    """A digest of each of the PICTURES, drawn in this process."""
    figure = FIGURES["spectrum"](read_csv((DRAWN / "data.csv").read_text(encoding="utf-8")), DRAWN)
    return [hashlib.sha256(saved(figure, name.rpartition(".")[2])).hexdigest()
            for name in PICTURES]


@pytest.fixture(scope="module")
def plain():
    with rc_context():
        return digests()


@pytest.mark.parametrize("kind", SETTINGS)
def test_settings_of_the_user_change_no_byte(kind, plain):
    with rc_context(SETTINGS[kind]):
        assert digests() == plain


@pytest.mark.parametrize(("backend", "rc", "place"), [
    ("module://matplotlib_inline.backend_inline", b"text.usetex: True\nbackend: TkAgg\n", "away"),
    ("no_such_backend", b"\xff\xfe no text", "here"),  # Matplotlib reads one here first
    ("", b"\xff\xfe no text", "home")])
def test_settings_that_stop_an_import_of_matplotlib_stop_no_figure(
        backend, rc, place, plain, tmp_path):
    folders = {"away": tmp_path / "rc", "here": tmp_path / "here",
               "home": tmp_path / ".config" / "matplotlib"}
    for folder in folders.values():
        folder.mkdir(parents=True)
    (folders[place] / "matplotlibrc").write_bytes(rc)
    env = os.environ | {"MPLBACKEND": backend, "MATPLOTLIBRC": str(folders["away"]),
                        "HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    script = ("import os\nfrom test_figure_settings import *\nfrom figures import FIGURES\n"
              "print(*digests(), os.environ['MPLBACKEND'], os.environ['MATPLOTLIBRC'])")
    script = "import figures\n" + script  # before this module imports Matplotlib itself
    done = subprocess.run([sys.executable, "-c", script], cwd=folders["here"], env=env, check=False,
                          capture_output=True, encoding="utf-8", timeout=HANG)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(" ") == [*plain, backend, f"{folders['away']}\n"]
