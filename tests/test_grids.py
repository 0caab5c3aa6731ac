"""Statistics of grids: the best lambda, its score, and its growth."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import ARTEFACTS
from benchmarks.harness.analysis.scores import values
from benchmarks.harness.analysis.tables import best_of_each
from benchmarks.harness.analysis.verdicts import judge
from benchmarks.harness.spec.claims import Claim, Ordering, Range, Trend

LAMS = (100.0, 1000.0, 10_000.0)


def rows(best, column="image_size", seeds=1, curvature=3.0):
    """A grid with its lowest score at lambda = best[value], for each value of the column."""
    return pd.DataFrame([
        {"scale": "paper", "dataset": "d", "panel": f"{column}={value}", column: value, "lam": lam,
         "arm": f"{value},{lam:g}", "seed": seed, "status": "done", "epoch": 1,
         "fid": 10.0 + value / 1000 + curvature * abs(np.log10(lam / least)) + 0.01 * seed}
        for value, least in best.items() for lam in LAMS for seed in range(seeds)])


def test_best_lambda_and_score_of_a_panel():
    grid = rows({32: 100.0, 64: 1000.0}, seeds=2)
    assert values(grid, "image_size=64", "best_lam:fid").to_list() == [1000.0, 1000.0]
    assert values(grid, "image_size=64", "best:fid").to_list() == pytest.approx([10.064, 10.074])
    assert values(grid, "image_size=32", "range:fid").to_list() == pytest.approx([6.0, 6.0])


def test_slope_is_fitted_to_the_logarithms():
    """Side 32 to 64 quadruples the pixels; lambda grows tenfold."""
    (slope,) = values(rows({32: 100.0, 64: 1000.0}), "*", "slope:fid")
    assert slope == pytest.approx(np.log(10) / np.log(4))


def test_grid_statistic_with_a_missing_run_is_empty():
    grid = rows({32: 100.0, 64: 1000.0})
    holed = grid.assign(fid=grid["fid"].where(grid["arm"] != "64,1000"))
    assert values(holed, "image_size=64", "best_lam:fid").empty
    assert values(holed, "image_size=32", "best_lam:fid").to_list() == [100.0]
    unscored = grid.drop(columns="fid")
    assert values(unscored, "image_size=32", "best_lam:fid").empty


def test_diverged_run_is_never_the_best():
    grid = rows({64: 1000.0})
    bad = grid["arm"] == "64,1000"
    grid = grid.assign(fid=grid["fid"].where(~bad), status=np.where(bad, "diverged", "done"))
    assert values(grid, "image_size=64", "best_lam:fid").to_list() in ([100.0], [10_000.0])


def test_panel_of_diverged_runs_has_no_best_lambda():
    """Statistics over all panels then have no value either, though the other panels do."""
    grid = rows({32: 100.0, 64: 1000.0})
    bad = grid["image_size"] == 64
    grid = grid.assign(status=np.where(bad, "diverged", "done"), fid=grid["fid"].where(~bad))
    for statistic in ("best_lam", "best", "range"):
        assert values(grid, "image_size=64", f"{statistic}:fid").isna().to_list() == [True]
        assert values(grid, "image_size=32", f"{statistic}:fid").notna().to_list() == [True]
    for statistic in ("slope", "grows"):
        assert values(grid, "*", f"{statistic}:fid").isna().to_list() == [True]
    assert verdict(grid, Range("grows:fid", (("*", 1.0, 1.0),), True)) == "inconclusive"


def test_panel_pattern_selects_several_panels():
    grid = rows({32: 100.0, 64: 1000.0})
    own = grid[grid["image_size"] == 64].assign(panel="main", image_size=256, lam=1.0)
    grid = pd.concat([grid, own.assign(arm="own")])
    assert values(grid, "image_size=*", "grows:fid").to_list() == [1.0]
    assert values(grid, "*", "grows:fid").to_list() == [0.0]


@pytest.mark.parametrize(("best", "expected"), [
    ({64: 100.0, 128: 1000.0, 256: 1000.0}, 1.0), ({64: 100.0, 128: 10_000.0, 256: 100.0}, 0.0),
    ({64: 1000.0, 128: 1000.0, 256: 1000.0}, 0.0), ({64: 1000.0, 128: 100.0, 256: 100.0}, 0.0)])
def test_sufficient_lambda_grows_with_the_dimension(best, expected):
    """C12: the least lambda whose score is within a tenth of the best at the smallest dimension."""
    grid = rows(best, "dim", seeds=2)
    assert values(grid, "*", "enough_grows:fid").to_list() == [expected, expected]
    told = verdict(grid, Range("enough_grows:fid", (("*", 1.0, 1.0),)))
    assert told == ("reproduced" if expected else "contradicted")


def test_dimension_without_a_sufficient_lambda_counts_as_largest():
    grid = rows({64: 100.0, 128: 1000.0, 256: 100.0}, "dim")
    never = grid["fid"].where(grid["dim"] != 256, 99.0)
    assert values(grid, "*", "enough_grows:fid").to_list() == [0.0]
    assert values(grid.assign(fid=never), "*", "enough_grows:fid").to_list() == [1.0]
    two = grid["fid"].where(grid["dim"] == 64, 99.0)
    assert values(grid.assign(fid=two), "*", "enough_grows:fid").to_list() == [1.0]
    first = grid["dim"] == 64
    gone = grid.assign(status=np.where(first, "diverged", "done"), fid=grid["fid"].where(~first))
    assert values(gone, "*", "enough_grows:fid").isna().to_list() == [True]


def verdict(grid, test):
    return judge(grid, [Claim("C", "", "", test)])["verdict"].iloc[0]


def test_trend_over_best_scores_and_lambdas_is_judged():
    taus = {1: 100.0, 2: 1000.0, 3: 1000.0, 4: 10_000.0}
    panels = tuple(f"tau={tau}" for tau in taus)
    grid = rows(taus, "tau")
    assert verdict(grid, Trend("best:fid", panels, "rises")) == "reproduced"
    assert verdict(grid, Trend("best:fid", panels, "falls")) == "contradicted"
    flat = rows(taus, "tau", curvature=0.5)  # three orders may come by chance: the ends decide
    for grids, expected in ((grid, "reproduced"), (flat, "inconclusive")):
        assert verdict(grids, Trend("best_lam:fid", panels[:3], "rises")) == expected
    assert verdict(rows(taus, "tau", seeds=3),
                   Trend("best_lam:fid", panels, "rises")) == "reproduced"
    assert verdict(grid, Ordering("best:fid", panels[:1], panels[1:])) == "inconclusive"  # one seed
    missing = grid[grid["panel"] != panels[1]]
    assert verdict(missing, Trend("best:fid", panels, "rises")) == "not run"


def test_growth_of_lambda_with_size_is_judged_from_one_seed():
    test = Range("grows:fid", (("*", 1.0, 1.0),), from_one_seed=True)
    assert verdict(rows({32: 100.0, 64: 1000.0, 256: 10_000.0}), test) == "reproduced"
    assert verdict(rows({32: 100.0, 64: 100.0, 256: 10_000.0}), test) == "contradicted"


@pytest.mark.parametrize(("best", "expected"), [
    ({32: 100.0, 64: 1000.0}, "contradicted"), ({100: 100.0, 316: 1000.0}, "reproduced")])
def test_proportionality_to_pixels_is_judged_by_the_slope(best, expected):
    test = Range("slope:fid", (("*", 0.5, 1.5),), from_one_seed=True)
    assert verdict(rows(best), test) == expected


def test_table_3_shows_the_best_scores_of_figure_9():
    grid = rows({32: 100.0, 64: 1000.0}).assign(fd_cifar10=np.nan)
    scores = grid.groupby(["scale", "dataset", "panel", "arm", "lam", "image_size"], sort=False)
    scores = scores["fid"].mean().rename("fid_mean").reset_index().assign(
        n=1, n_eval=10, diverged=0, missing=0, fd_cifar10_mean=np.nan)
    found = best_of_each(scores, ["fid", "fd_cifar10"]).set_index("image_size")
    assert found["fid_lam"].to_dict() == {32: 100.0, 64: 1000.0}
    assert found["fid_mean"].to_dict() == pytest.approx({32: 10.032, 64: 10.064})
    assert found["fd_cifar10_lam"].isna().all()


def test_table_3_and_figure_9_share_their_runs():
    runs = [{arm.run for arm in ARTEFACTS[name].arms("paper")}
            for name in ("table3", "fig9-input-size")]
    assert runs[0] < runs[1]  # without the main model's settings, and lambdas for C22b
    assert len(runs[0]) == 9 + 9 + 4


def test_shared_runs_of_artefacts_have_one_key():
    """Table 4's m0 = .999 is Table 5's K = 60000; Figure 5's model is that of Figures 11 to 13."""
    def run(name, arm):
        return {each.name: each.run for each in ARTEFACTS[name].arms("paper")}[arm]
    assert run("table4", "m0=0.999") == run("table5", "K=60000")
    galleries = {run(name, "moca[HQ]") for name in ARTEFACTS
                 if "celebahq" in name}
    assert len(galleries) == 1
    assert run("fig15-celeba-samples", "moca[A2]") == run("table1", "moca[A2]")
