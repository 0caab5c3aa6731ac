"""The picture shows data.csv: every artist against the rows, redrawn byte for byte."""

from pathlib import Path

from matplotlib.colors import to_rgba
import numpy as np
import pandas as pd
import pytest

from benchmarks.harness.publish import draw, read_csv
from figures import FIGURES, convergence
from figures.style import FLOOR, LOOKS, looks

UNUSED = Path()


@pytest.fixture
def data(swept):
    return read_csv((swept.smoke / "data.csv").read_text())


def lines_of(figure):
    return {ax.get_title(): ax.get_lines() for ax in figure.axes if ax.get_title()}


def test_every_line_is_an_arm_of_the_data(data):
    drawn = lines_of(FIGURES["fig1-synthetic"](data, UNUSED))
    assert len(drawn) == data["panel"].nunique() == 4
    for panel, rows in data.groupby("panel"):
        lines = {line.get_label(): line for line in drawn[convergence.TITLES[panel]]}
        assert len(lines) == rows["arm"].nunique()
        for arm, curve in rows.groupby("arm"):
            look = FLOOR if arm == "floor" else LOOKS[convergence.plain(arm, panel)]
            line = lines[look.label]
            np.testing.assert_array_equal(line.get_ydata(), curve["swd2_root_mean"])
            np.testing.assert_array_equal(line.get_xdata(), curve["epoch"])
            assert to_rgba(line.get_color()) == to_rgba(look.colour)


def test_every_band_is_the_interval(data):
    figure = FIGURES["fig1-synthetic"](data, UNUSED)
    ax = figure.axes[0]
    arms = [arm for arm in data[data["panel"] == "main"]["arm"].drop_duplicates() if arm != "floor"]
    assert len(ax.collections) == len(arms) == 8
    for arm, band in zip(arms, ax.collections, strict=True):
        rows = data[(data["panel"] == "main") & (data["arm"] == arm)]
        corners = band.get_paths()[0].vertices
        for row in rows.itertuples():
            low = max(row.swd2_root_low, 1e-3 * row.swd2_root_mean)
            for edge in (low, row.swd2_root_high):
                assert np.isclose(corners, (row.epoch, edge), rtol=1e-9).all(1).any()


def test_the_legend_names_every_arm_once_and_covers_no_data(data):
    figure = FIGURES["fig1-synthetic"](data, UNUSED)
    figure.canvas.draw()
    (legend,) = [ax.get_legend() for ax in figure.axes if ax.get_legend()]
    labels = [text.get_text() for text in legend.get_texts()]
    arms = {convergence.plain(*pair) for pair in zip(data["arm"], data["panel"], strict=True)}
    assert sorted(labels) == sorted({LOOKS[arm].label for arm in arms - {"floor"}} | {FLOOR.label})
    box = legend.get_window_extent()
    for ax in figure.axes:
        if ax.get_title():
            assert not box.overlaps(ax.get_window_extent())


def test_axes_are_logarithmic_and_said_to_be_what_they_are(data):
    ax = FIGURES["fig1-synthetic"](data, UNUSED).axes[0]
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "latent SWD (root)")
    assert "smoke scale" in ax.figure.get_suptitle()
    assert "2 seeds" in ax.figure.get_suptitle()


def test_redraw_is_byte_identical(swept, tmp_path):
    text = (swept.smoke / "data.csv").read_text()
    draw("fig1-synthetic", text, tmp_path)
    for name in ("figure.png", "figure.pdf"):
        assert (tmp_path / name).read_bytes() == (swept.smoke / name).read_bytes()


def test_colours_and_dashes_tell_the_arms_apart():
    seen = [(look.colour, look.dash) for look in LOOKS.values()]
    assert len(set(seen)) == len(seen)
    own = looks(["mmd", "mine", "yours"])
    assert own["mine"].colour != own["yours"].colour
    assert own["mine"].label == "mine"


def test_divergence_and_holes_are_shown(data):
    data = data.copy()
    gone = (data["panel"] == "main") & (data["arm"] == "swd")
    data.loc[gone, "diverged"] = 2
    data.loc[data["arm"] == "gan", ["epoch", "n", "missing"]] = [np.nan, 0, 2]
    ax = FIGURES["fig1-synthetic"](data, UNUSED).axes[0]
    texts = [text.get_text() for text in ax.texts]
    assert "2 diverged" in texts
    assert "2 runs missing" in texts
    crosses = [line for line in ax.get_lines() if line.get_marker() == "x"]
    last = data[gone].iloc[-1]
    assert [tuple(line.get_xydata()[0]) for line in crosses] == [
        (last["epoch"], last["swd2_root_mean"])]


def test_a_panel_with_nothing_yet_is_drawn_empty(data):
    waiting = data["panel"] == "full batch"
    data = pd.concat([data[~waiting], data[waiting].drop_duplicates("arm").assign(
        epoch=np.nan, n=0, missing=2, swd2_root_mean=np.nan)])
    figure = FIGURES["fig1-synthetic"](data, UNUSED)
    assert len(lines_of(figure)[convergence.TITLES["full batch"]]) == 0
    figure.canvas.draw()
