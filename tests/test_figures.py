"""Figures against data.csv: every artist against the rows, redrawn byte for byte."""

from pathlib import Path
import shutil

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.image import imread
import numpy as np
import pandas as pd
import pytest

from benchmarks.harness.command import main
from benchmarks.harness.results.rows import read_csv
from benchmarks.harness.results.write import PICTURES, draw
from figures import FIGURES, convergence, embedding
from figures.style import FLOOR, LOOKS, looks

UNUSED = Path()


def lay_out(figure):
    """Lays out the figure as for printing; a figure's own canvas has no renderer."""
    FigureCanvasAgg(figure).draw()


@pytest.fixture
def data(fig1_sweep):
    return read_csv((fig1_sweep.smoke / "data.csv").read_text())


def lines_of(figure):
    return {ax.get_title(): ax.get_lines() for ax in figure.axes if ax.get_title()}


def test_figure_1_lines_equal_the_arms_of_data_csv(data):
    drawn = lines_of(FIGURES["convergence"](data, UNUSED))
    assert len(drawn) == data["panel"].nunique() == 6
    for panel, rows in data.groupby("panel"):
        lines = {line.get_label(): line for line in drawn[convergence.TITLES[panel]]}
        assert len(lines) == rows["arm"].nunique()
        for arm, curve in rows.groupby("arm"):
            look = FLOOR if arm == "floor" else LOOKS[convergence.plain(arm, panel)]
            line = lines[look.label]
            np.testing.assert_array_equal(line.get_ydata(), curve["swd2_root_mean"])
            np.testing.assert_array_equal(line.get_xdata(), curve["epoch"])
            assert to_rgba(line.get_color()) == to_rgba(look.colour)


def test_figure_1_bands_equal_the_confidence_intervals(data):
    figure = FIGURES["convergence"](data, UNUSED)
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


def test_legend_names_every_arm_once_and_covers_no_data(data):
    figure = FIGURES["convergence"](data, UNUSED)
    lay_out(figure)
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend()]
    apart = data["panel"].isin(convergence.TALL)  # has a row and a legend of its own
    for legend, rows in zip(legends, (data[~apart], data[apart]), strict=True):
        labels = [text.get_text() for text in legend.get_texts()]
        arms = {convergence.plain(*pair) for pair in zip(rows["arm"], rows["panel"], strict=True)}
        assert sorted(labels) == sorted(
            {LOOKS[arm].label for arm in arms - {"floor"}} | {FLOOR.label})
        box = legend.get_window_extent()
        for ax in figure.axes:
            if ax.get_title():
                assert not box.overlaps(ax.get_window_extent())


def test_axes_are_logarithmic_and_labelled(data):
    ax = FIGURES["convergence"](data, UNUSED).axes[0]
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "latent SWD (root)")
    assert "smoke scale" in ax.figure.get_suptitle()
    assert "2 seeds" in ax.figure.get_suptitle()


def test_redrawn_figure_1_is_byte_identical(fig1_sweep, tmp_path):
    text = (fig1_sweep.smoke / "data.csv").read_text()
    draw("convergence", text, tmp_path)
    for name in PICTURES:
        assert (tmp_path / name).read_bytes() == (fig1_sweep.smoke / name).read_bytes()


def test_colours_and_dashes_distinguish_the_arms():
    seen = [(look.colour, look.dash) for look in LOOKS.values()]
    assert len(set(seen)) == len(seen)
    own = looks(["mmd", "mine", "yours"])
    assert own["mine"].colour != own["yours"].colour
    assert own["mine"].label == "mine"


def test_figure_1_marks_diverged_and_missing_runs(data):
    data = data.copy()
    gone = (data["panel"] == "main") & (data["arm"] == "swd")
    data.loc[gone, "diverged"] = 2
    data.loc[data["arm"] == "gan", ["epoch", "n", "missing"]] = [np.nan, 0, 2]
    ax = FIGURES["convergence"](data, UNUSED).axes[0]
    texts = [text.get_text() for text in ax.texts]
    assert "2 diverged" in texts
    assert "2 runs missing" in texts
    crosses = [line for line in ax.get_lines() if line.get_marker() == "x"]
    last = data[gone].iloc[-1]
    assert [tuple(line.get_xydata()[0]) for line in crosses] == [
        (last["epoch"], last["swd2_root_mean"])]


def test_figure_1_panel_without_results_is_empty(data):
    waiting = data["panel"] == "full batch"
    data = pd.concat([data[~waiting], data[waiting].drop_duplicates("arm").assign(
        epoch=np.nan, n=0, missing=2, swd2_root_mean=np.nan)])
    figure = FIGURES["convergence"](data, UNUSED)
    assert len(lines_of(figure)[convergence.TITLES["full batch"]]) == 0
    lay_out(figure)


@pytest.fixture
def codes(fig7_sweep):
    return read_csv((fig7_sweep.codes / "data.csv").read_text())


def columns_of(figure):
    """Axes of Figure 7 by column: the points, then the pictures."""
    axes = [ax for part in figure.subfigs for ax in part.axes]
    return [axes[k:k + 4] for k in range(0, len(axes), 4)]


def test_figure_7_draws_every_stored_point_in_its_class_colour(codes, fig7_sweep):
    columns = columns_of(FIGURES["embedding"](codes, fig7_sweep.codes))
    assert len(columns) == len(codes) == 3
    for (ax, *pictures), row in zip(columns, codes.itertuples(), strict=True):
        assert ax.get_title().splitlines()[0] == LOOKS[row.arm].label
        points = pd.read_csv(fig7_sweep.codes / "points" / f"{row.arm}.seed0.points.csv")
        (drawn,) = ax.collections
        np.testing.assert_array_equal(drawn.get_offsets(), points[["x", "y"]])
        wanted = [to_rgba(embedding.CLASS_COLOURS[label]) for label in points["label"]]
        np.testing.assert_allclose(drawn.get_facecolor(), wanted)
        assert len(points) == row.n_eval == 200
        for picture, name in zip(pictures, embedding.TILES, strict=True):
            (image,) = picture.get_images()
            stored = imread(fig7_sweep.codes / "tiles" / f"{row.arm}.seed0.{name}.png")
            np.testing.assert_array_equal(image.get_array(), stored)


def test_figure_7_column_titles_show_the_scores_of_data_csv(codes, fig7_sweep):
    figure = FIGURES["embedding"](codes, fig7_sweep.codes)
    for (ax, *_), row in zip(columns_of(figure), codes.itertuples(), strict=True):
        title = ax.get_title().splitlines()
        assert title[1] == "2 seeds"
        assert title[2] == (f"k-NN accuracy {row.knn10_accuracy_mean:.3f} ± "
                            f"{row.knn10_accuracy_std:.3f}")
        assert title[3] == f"NMI {row.nmi_mean:.3f} ± {row.nmi_std:.3f}"
    for word in ("procedural-28", "smoke scale", "200 test points", "seed 0"):
        assert word in figure.get_suptitle()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "2", "3"]


def test_figure_7_texts_do_not_overlap(codes, fig7_sweep):
    figure = FIGURES["embedding"](codes, fig7_sweep.codes)
    lay_out(figure)
    boxes = [ax.title.get_window_extent() for ax, *_ in columns_of(figure)]
    boxes += [figure._suptitle.get_window_extent(), figure.legends[0].get_window_extent()]
    for k, box in enumerate(boxes):
        assert figure.bbox.contains(*box.min)
        assert figure.bbox.contains(*box.max)
        assert not any(box.overlaps(other) for other in boxes[k + 1:])


def test_figure_7_wraps_many_arms_into_further_rows(codes, fig7_sweep):
    many = pd.concat([codes, codes.assign(arm=[f"own-{k}" for k in range(3)]),
                      codes.iloc[:1].assign(arm="last")], ignore_index=True)
    figure = FIGURES["embedding"](many, fig7_sweep.codes)
    lay_out(figure)
    assert [len(part.axes) // 4 for part in figure.subfigs] == [3, 3, 1]


def test_figure_7_labels_the_gap_of_a_missing_or_diverged_run(codes, fig7_sweep):
    codes = codes.astype({"n": int})
    codes.loc[0, ["n", "missing"]] = [0, 2]
    codes.loc[1, ["n", "diverged"]] = [1, 1]
    scores = [name for name in codes if name.endswith(("_mean", "_std"))]
    codes.loc[0, scores] = np.nan
    codes["exhibit"] = codes["exhibit"].astype(object)
    codes.loc[0, "exhibit"] = np.nan
    figure = FIGURES["embedding"](codes, fig7_sweep.codes)
    lay_out(figure)
    (first, *_), (second, *_), _ = columns_of(figure)
    assert first.get_title().splitlines()[1:] == ["0 seeds, 2 missing"]
    assert second.get_title().splitlines()[1] == "1 seed, 1 diverged"
    assert [text.get_text() for text in first.texts] == ["no run to draw"]


def test_redrawn_figure_7_is_byte_identical(fig7_sweep, tmp_path):
    for name in ("points", "tiles"):
        shutil.copytree(fig7_sweep.codes / name, tmp_path / name)
    draw("embedding", (fig7_sweep.codes / "data.csv").read_text(), tmp_path)
    for name in PICTURES:
        assert (tmp_path / name).read_bytes() == (fig7_sweep.codes / name).read_bytes()


@pytest.mark.parametrize("damage", [
    lambda path: path.unlink(), lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(path.read_bytes()[:200])])
@pytest.mark.parametrize("name", ["points/svae.seed0.points.csv", "tiles/svae.seed0.samples.png"])
def test_redraw_without_stored_files_is_an_error(damage, name, fig7_sweep, tmp_path, capsys):
    results = tmp_path / "cache" / "smoke" / "fig7-tsne"
    shutil.copytree(fig7_sweep.codes, results)
    path = results / name
    damage(path)
    if path.exists() and name.endswith("csv") and path.stat().st_size:
        path.write_text("a,b\n1,2\n")
    before = (results / "figure.png").read_bytes()
    status = main.main(["fig7", "--scale", "smoke", "--redraw",
                           "--cache-dir", str(tmp_path / "cache")])
    lines = capsys.readouterr().err.splitlines()
    assert (status, len(lines)) == (2, 1)
    assert "missing or damaged" in lines[0]
    assert (results / "figure.png").read_bytes() == before
