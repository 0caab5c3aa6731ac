"""The artefacts on CIFAR-10 at smoke scale: shared runs, pictures that show data.csv, tuning."""

from argparse import Namespace
import csv
from dataclasses import replace
import io

from conftest import ON_CIFAR10, ROOT
from matplotlib.colors import to_hex
from matplotlib.image import imread
import numpy as np
import pandas as pd
from PIL import Image
import pytest

from benchmarks import ARTEFACTS, TUNINGS, score_table, table2
from benchmarks import tuning as tuning_module
from benchmarks.harness.command.tune import freeze
from benchmarks.harness.errors import UsageError
from benchmarks.harness.measure.image_grids import GAP
from benchmarks.harness.results.rows import read_csv
from benchmarks.harness.spec.selection import select
from benchmarks.recipes import CIFAR10
from benchmarks.tuning import GRID, LEFT_OUT, RIVALS, chosen
from figures import FIGURES, gallery


def folder_of(place, name):
    return place.cache / "smoke" / name


def drawn(place, name):
    """The figure drawn again, and its data."""
    folder = folder_of(place, name)
    data = read_csv((folder / "data.csv").read_text())
    return FIGURES[ARTEFACTS[name].figure](data, folder), data


def test_run_shared_by_artefacts_is_trained_once(cifar10_sweep):
    """Figures 6, 14, 16 and 18 show Table 2's model; Figures 2, 3 and 8 share MoCA at lambda 0."""
    keys = set()
    for name in ON_CIFAR10:
        artefact = ARTEFACTS[name]
        keys |= {entry.run.key for entry in select(artefact, "smoke", None, None, []).entries()}
    logs = list((cifar10_sweep.cache / "runs").glob("*/log.txt"))
    assert len(logs) == len(keys)
    assert all(log.read_text().count("from step") == 1 for log in logs)


def test_figure_2_draws_exactly_the_curves_of_its_data(cifar10_sweep):
    figure, data = drawn(cifar10_sweep, "fig2-convergence")
    axes = [ax for ax in figure.axes if ax.get_title()]
    assert len(axes) == data["panel"].nunique() == 4
    for ax, (_, rows) in zip(axes, data.groupby("panel", sort=False), strict=True):
        for line, (_, arm) in zip(ax.get_lines(), rows.groupby("arm", sort=False), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), arm["swd_image_std_mean"])
            np.testing.assert_array_equal(line.get_xdata(), arm["epoch"])
    assert data["epoch"].to_list() == [0, 2] * 7  # the start and the end, in less than 5 epochs


def test_figure_2_names_missing_runs(cifar10_sweep):
    data = read_csv((folder_of(cifar10_sweep, "fig2-convergence") / "data.csv").read_text())
    data.loc[data["arm"] == "moca[lam=0]", ["epoch", "n", "swd_image_std_mean"]] = np.nan
    data.loc[data["arm"] == "moca[lam=0]", "missing"] = 1
    figure = FIGURES["image_distance"](data, None)
    notes = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert notes == ["1 runs missing"]


def test_figure_3_draws_the_stored_spectra(cifar10_sweep):
    figure, data = drawn(cifar10_sweep, "fig3-isotropy")
    (ax,) = figure.axes
    *lines, floor = ax.get_lines()
    assert len(lines) == len(data) == 3
    assert [line.get_label().split(":")[0] for line in lines] == ["λ = 0", "λ = 3000",
                                                                  "λ = 3000, τ = 1"]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 3
    for line, row in zip(lines, data.itertuples(), strict=True):
        points = pd.read_csv(folder_of(cifar10_sweep, "fig3-isotropy") / "points"
                             / f"{row.exhibit}.spectrum.csv")
        np.testing.assert_array_equal(line.get_ydata(), points["codes"])
        assert f"{row.sv_cv_mean:.2f}" in line.get_label()
        assert f"fd_cifar10 {row.fd_cifar10_mean:.1f}" in line.get_label()
        assert "FID" not in line.get_label()
    np.testing.assert_array_equal(floor.get_ydata(), points["prior"])


def test_figure_8_draws_both_errors(cifar10_sweep):
    figure, data = drawn(cifar10_sweep, "fig8-reconstruction")
    (ax,) = figure.axes
    for bars, split in zip(ax.containers, ("test", "train"), strict=True):
        np.testing.assert_array_equal(bars[0].get_ydata(), data[f"{split}_reconstruction_mean"])
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "λ = 0\nAppendix D", "λ = 3000\nAppendix D", "λ = 0", "λ = 3000"]


def test_table_2_shows_paper_numbers_in_their_own_column(cifar10_sweep):
    _, data = drawn(cifar10_sweep, "table2")
    assert data["cited_fid"].isna().all()  # the paper's claims are not about procedural images
    folder = folder_of(cifar10_sweep, "table2")
    rows = read_csv((folder / "runs.csv").read_text()).assign(dataset="cifar10")
    data = ARTEFACTS["table2"].table(rows)
    fid, stand_in, *_ = FIGURES["score_table"](data, folder).axes
    cited = [line for line in fid.get_lines() if line.get_marker() == "D"]
    values = [line.get_xdata()[0] for line in cited]
    np.testing.assert_array_equal(values, data["cited_fid"])
    assert all(to_hex(line.get_markeredgecolor()) == "#000000" for line in cited)
    assert not [line for line in stand_in.get_lines() if line.get_marker() == "D"]
    assert data["fid_mean"].isna().all()
    assert data.set_index("arm")["cited_fid"].to_dict()["moca[A2]"] == 54.36
    means = [bars[0].get_xdata()[0] for bars in stand_in.containers]
    np.testing.assert_array_equal(means, data["fd_cifar10_mean"])


@pytest.mark.parametrize("name", ["fig6-samples", "fig14-cifar10-samples",
                                  "fig16-cifar10-reconstructions", "fig18-cifar10-interpolations"])
def test_figure_draws_every_grid_pixel_as_a_square(cifar10_sweep, name):
    """Cuts the PNG file itself where the figure put the images."""
    figure, _ = drawn(cifar10_sweep, name)
    folder = folder_of(cifar10_sweep, name)
    shown = np.asarray(Image.open(folder / "figure.png").convert("RGB"))
    tiles = {path: imread(path) for path in sorted((folder / "tiles").glob("*.png"))}
    assert len(figure.axes) == len(tiles)
    for ax in figure.axes:
        box = ax.get_position()
        tall, wide, _ = shown.shape
        left, top = round(box.x0 * wide), round((1 - box.y1) * tall)
        right, bottom = round(box.x1 * wide), round((1 - box.y0) * tall)
        cut = shown[top:bottom, left:right]
        small = cut[::gallery.ZOOM, ::gallery.ZOOM]
        np.testing.assert_array_equal(np.kron(small, np.ones((gallery.ZOOM, gallery.ZOOM, 1))), cut)
        assert any(picture.shape[:2] == small.shape[:2]
                   and np.array_equal((picture[..., :3] * 255).round(), small)
                   for picture in tiles.values())


def cells(path, columns, side=32):
    """The images of a grid, (n, side, side, 3)."""
    picture = np.asarray(Image.open(path).convert("RGB"))
    step = side + GAP
    rows = (picture.shape[0] - GAP) // step
    return np.array([picture[GAP + r * step:GAP + r * step + side,
                             GAP + c * step:GAP + c * step + side]
                     for r in range(rows) for c in range(columns)])


def test_grids_show_distinct_test_images_at_fixed_places(cifar10_sweep):
    from benchmarks.harness.data.datasets import points
    run = CIFAR10.template("smoke", "a2")
    test = points(run, "test", 32, cifar10_sweep.cache).x.permute(0, 2, 3, 1).numpy()
    folder = folder_of(cifar10_sweep, "fig6-samples") / "tiles"
    pairs = cells(folder / "moca[A2].seed0.reconstructions.png", 8)
    np.testing.assert_array_equal(pairs[0::2], test)
    assert len(np.unique(test.reshape(32, -1), axis=0)) == 32
    rows = cells(folder / "moca[A2].seed0.interpolations.png", 10).reshape(8, 10, 32, 32, 3)
    np.testing.assert_array_equal(rows[:, 0], test[0:16:2])
    np.testing.assert_array_equal(rows[:, -1], test[1:16:2])
    # the path begins and ends at the two images' own reconstructions; batching may round a pixel
    for column, which in ((1, 0), (-2, 1)):
        ends = rows[:, column].astype(int)
        assert np.abs(ends - pairs[1::2][which:16:2]).max() <= 1
    alone = folder_of(cifar10_sweep, "fig18-cifar10-interpolations") / "tiles"
    assert ((alone / "moca[A2].seed0.interpolations.png").read_bytes()
            == (folder / "moca[A2].seed0.interpolations.png").read_bytes())


def test_tuning_grid_is_shared_and_uses_no_test_image():
    for name, artefact in TUNINGS.items():
        if not name.startswith("table"):
            continue
        arms = artefact.arms("paper")
        assert len(arms) == len(RIVALS) * len(GRID["paper"]) == 60
        assert {arm.run.lam for arm in arms} == {1.0, 10.0, 100.0, 1000.0, 10000.0}
        whole = {"table1": 182_637, "table2": 50_000}[name.rpartition("-")[0]]
        assert {arm.run.n_train for arm in arms} == {whole - 5000}
        assert {arm.run.architecture for arm in arms} == {name.rpartition("-")[2]}
        assert all(measure.split == "validation" for measure in artefact.measures("paper", 0))


def test_validation_images_are_never_trained_on(tmp_path, monkeypatch):
    from benchmarks.harness.data import datasets, packed
    whole = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    monkeypatch.setattr(packed, "VALIDATION", 5)
    monkeypatch.setattr(packed, "packed_array", lambda root, name, which:
                        whole if which == "train.images" else None)
    run = replace(CIFAR10.template("mini", "a1"), batch=4, n_train=15)

    def points(split, n, run=run):
        return datasets.points(run, split, n, tmp_path).x.flatten().tolist()

    assert points("validation", 5) == [15, 16, 17, 18, 19]
    assert points("validation", 2) == [15, 16]
    assert points("train", 15) == list(range(15))
    for n_train, n in ((16, 5), (15, 6)):
        with pytest.raises(UsageError, match="20 training images"):
            points("validation", n, replace(run, n_train=n_train))


def choices_csv(scale, scores):
    """A data.csv of a grid: score by method and lambda, the lowest chosen."""
    rows = [{"panel": rival, "architecture": "a1", "method": rival, "prior": "sphere", "lam": lam,
             "metric": "fd_cifar10", "fd_cifar10_mean": score, "scale": scale, "dataset": "cifar10",
             "n": 1, "n_eval": 2000, "missing": 0, "chosen": score == min(grid.values())}
            for rival, grid in scores.items() for lam, score in grid.items()]
    return pd.DataFrame(rows).to_csv(index=False)


def test_frozen_choice_is_not_replaced_by_a_smaller_scale(tmp_path):
    target = tmp_path / "table2-a1.csv"
    grid = {"mmd": {1: 5.0, 10: 3.0, 100: 4.0}, "swd": {1: 1.0, 10: 2.0, 100: 4.0}}
    (tmp_path / "data.csv").write_text(choices_csv("paper", grid))
    assert freeze(tmp_path, target).startswith("frozen")
    before = target.read_text()
    lams = {row["panel"]: float(row["lam"]) for row in csv.DictReader(io.StringIO(before))}
    assert lams == {"mmd": 10, "swd": 1}
    grid["mmd"][100] = 2.0
    (tmp_path / "data.csv").write_text(choices_csv("mini", grid))
    assert "was chosen at paper scale" in freeze(tmp_path, target)
    assert target.read_text() == before
    (tmp_path / "data.csv").write_text(choices_csv("paper", grid))
    whole = (tmp_path / "data.csv").read_text()
    (tmp_path / "data.csv").write_text(whole.replace("2000,0,", "2000,1,", 1))
    assert "is not complete" in freeze(tmp_path, target)
    assert target.read_text() == before
    (tmp_path / "data.csv").write_text(whole)
    freeze(tmp_path, target)
    assert "100" in target.read_text().splitlines()[1]


def test_chosen_lambda_has_the_lowest_score_of_its_method():
    rows = pd.DataFrame([
        {"scale": "mini", "dataset": "cifar10", "panel": rival, "arm": f"{rival}[lam={lam}]",
         "architecture": "a1", "method": rival, "prior": "sphere", "lam": lam, "seed": 0,
         "status": status, "n_eval": 2000, "epoch": 3, "fd_cifar10": score}
        for rival, lam, score, status in (
            ("mmd", 1, 5.0, "done"), ("mmd", 10, 3.0, "done"), ("mmd", 100, None, "diverged"),
            ("swd", 1, 2.0, "done"), ("swd", 10, 2.5, "done"))])
    found = chosen(rows)
    assert found[found["chosen"]]["arm"].to_list() == ["mmd[lam=10]", "swd[lam=1]"]
    assert set(found["metric"]) == {"fd_cifar10"}
    both = chosen(rows.assign(fid=[3.0, 4.0, None, 2.0, 1.0]))
    assert both[both["chosen"]]["arm"].to_list() == ["mmd[lam=1]", "swd[lam=10]"]
    assert set(both["metric"]) == {"fid"}


def test_tune_freezes_only_complete_grids_in_the_suites_results(place, monkeypatch, capsys):
    from benchmarks.harness.command import tune as module
    frozen = []
    monkeypatch.setattr(module, "freeze", lambda folder, target: frozen.append(target) or "frozen")
    monkeypatch.setattr(module.sweep, "run", lambda *arguments: 0)
    whole = select(TUNINGS["table2-a1"], "mini", None, None, [])
    own = Namespace(redraw=False, results_dir=module.ROOT / "results", cache_dir=place.cache)
    for selection, changes in (
        (replace(whole, custom=True), {}), (replace(whole, scale="smoke"), {}),
        (whole, {"redraw": True}), (whole, {"results_dir": place.results}),
    ):
        module.tune([selection], None, Namespace(**{**vars(own), **changes}))
        assert "not frozen" in capsys.readouterr().out
    assert not frozen
    module.tune([whole], None, own)
    assert frozen == [module.TUNED / "table2-a1.csv"]


def test_table_2_names_the_scale_at_which_lambda_was_chosen(cifar10_sweep, monkeypatch):
    rows = read_csv((folder_of(cifar10_sweep, "table2") / "runs.csv").read_text())
    monkeypatch.setattr(score_table, "choices", lambda name: {})
    assert ARTEFACTS["table2"].table(rows)["lam_chosen_at"].isna().all()
    choice = {"cramer-wold": tuning_module.Choice(1.0, "mini", "cifar10")}
    monkeypatch.setattr(score_table, "choices", lambda name: choice if name == "table2-a1" else {})
    found = ARTEFACTS["table2"].table(rows).set_index("arm")["lam_chosen_at"]
    assert found.dropna().to_dict() == {"cramer-wold[A1]": "mini"}


def frozen():
    return {path.stem: list(csv.DictReader(path.read_text().splitlines()))
            for path in sorted((ROOT / "benchmarks" / "tuned").glob("*.csv"))}


def test_frozen_lambdas_have_the_lowest_committed_scores():
    assert set(frozen()) == {"table2-a1", "table2-a2"} <= set(TUNINGS)
    for name, choices in frozen().items():
        scale = choices[0]["scale"]
        within = ROOT / "results" / ("mini" if scale == "mini" else "") / f"tune-{name}"
        rows = read_csv((within / "runs.csv").read_text())
        scores = rows.dropna(subset=["fd_cifar10"]).set_index(["panel", "lam"])["fd_cifar10"]
        lowest = dict(scores.groupby("panel").idxmin().to_list())
        assert {row["panel"]: float(row["lam"]) for row in choices} == lowest
        assert len(lowest) == len(RIVALS) - len(LEFT_OUT.get(scale, ()))


def test_table_2_uses_the_chosen_lambdas():
    """Besides the paper's own lambda, one given by its authors, and lambda = 0."""
    arms = {arm.name: arm.run for arm in ARTEFACTS["table2"].arms("paper")}
    for name, choices in frozen().items():
        network = name.rpartition("-")[2].upper()
        for row in choices:
            note = ",tuned" if row["panel"] == "moca" else ""
            run = arms.pop(f"{row['panel']}[{network}{note}]")
            assert (run.lam, run.method, run.prior) == (
                float(row["lam"]), row["method"], row["prior"])
    rest = {name: run.lam for name, run in arms.items() if name not in table2.neighbours("paper")}
    assert rest == {"moca[A1]": 2000, "moca[A2]": 100, "cramer-wold gaussian[A1,lam=1]": 1,
                    **{f"lam=0 {prior}[{network}]": 0 for prior in ("sphere", "gaussian")
                       for network in ("A1", "A2")}}
    critics = [arm.run for arm in ARTEFACTS["table2"].arms("paper") if arm.run.method == "gan"]
    assert len(critics) == 4
    assert {(run.lr, run.beta1) for run in critics} == {(3e-4, .5)}


def test_claim_about_an_untuned_regularizer_is_not_testable(monkeypatch):
    monkeypatch.setattr(score_table, "choices", lambda name: {})
    kinds = {one.id: type(one.test).__name__ for claim in table2.claims("paper")
             for one in claim.readings or [claim]}
    assert kinds["C16"] == "Ordering"
    assert {kind for id, kind in kinds.items() if id.startswith(("C17", "best"))} == {"Untestable"}


def test_user_arms_are_drawn_under_their_own_names(cifar10_sweep):
    """User arms are drawn beside the grid of lambdas, not on it."""
    for name in ("fig2-convergence", "fig3-isotropy", "fig8-reconstruction"):
        folder = folder_of(cifar10_sweep, name)
        data = read_csv((folder / "data.csv").read_text())
        own = data[data["arm"] == data["arm"].iloc[0]].assign(arm="mmd", lam=100.0, panel="main")
        figure = FIGURES[ARTEFACTS[name].figure](pd.concat([data, own], ignore_index=True), folder)
        labels = {text for ax in figure.axes for text in (
            *ax.get_legend_handles_labels()[1], *(t.get_text() for t in ax.get_xticklabels()))}
        assert any(label.split(":")[0] == "MMD" for label in labels), name


def test_tune_without_a_known_table_lists_the_tables(place):
    for words, reason in ((["tune"], "tune takes the name of a table: table1-a1"),
                          (["tune", "table3"], "unknown table to tune 'table3'"),
                          (["plan", "tune", "table2"], "name its grid: tune-table1-a1")):
        done = place.bench(*words)
        assert done.returncode == 2
        assert reason in done.stderr
    done = place.bench("plan", "tune-table2-a1")
    assert "60 runs (60 arms, 1 seeds)" in done.stdout
