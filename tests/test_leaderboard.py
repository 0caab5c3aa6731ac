"""The leaderboard: its rows, the choice of weights, ranks and tests, results taken over."""

from dataclasses import replace
import json

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy.stats import friedmanchisquare, rankdata
from statsmodels.stats.multitest import multipletests

from benchmarks import leaderboard
from benchmarks.harness.analysis.leaderboard import competing, pairs, ranked, summary
from benchmarks.harness.analysis.ranking import standing
from benchmarks.harness.results.rows import read_csv
from methods import METHODS, OBJECTIVES

SCALE = ("leaderboard-mnist", "--scale", "smoke", "--cluster", "debug")


def scores(blocks=10, rivals=6, step=0.5, seed=0):
    draws = np.random.default_rng(seed).normal(size=(blocks, rivals))
    return pd.DataFrame(draws + step * np.arange(rivals), columns=list("abcdefgh")[:rivals])


# --- ranks and tests

def test_ranks_and_friedmans_test_are_scipys():
    table = scores()
    found = standing(table)
    expected = np.array([rankdata(row) for row in table.to_numpy()])
    np.testing.assert_array_equal(found.ranks, expected)
    assert found.friedman == friedmanchisquare(*expected.T).pvalue
    assert list(found.mean) == sorted(expected.mean(axis=0))


def test_pairwise_p_values_are_conovers_after_holms_step_down():
    table = scores()
    raw = scikit_posthocs.posthoc_conover_friedman(table.to_numpy()).to_numpy()
    upper = np.triu_indices(6, 1)
    _, holm, *_ = multipletests(raw[upper], method="holm")
    np.testing.assert_allclose(standing(table).pairs.to_numpy()[upper], holm, rtol=1e-10)


def test_groups_are_the_largest_runs_that_are_not_told_apart():
    far = scores(step=30.0)  # the same order in every block
    assert standing(far).groups() == [[name] for name in "abcdef"]
    assert len(standing(far).told_apart()) == 15
    alike = scores(step=0.0)
    assert standing(alike).groups() == [list(standing(alike).mean.index)]
    two = scores(rivals=3, step=0.0).join(scores(rivals=3, step=0.0, seed=1).add(50).rename(
        columns=dict(zip("abc", "xyz", strict=True))))
    assert [set(group) for group in standing(two).groups()] == [set("abc"), set("xyz")]
    assert {(a in "abc", b in "abc") for a, b in standing(two).told_apart()} == {(True, False)}


@pytest.mark.parametrize("rivals", [3, 4, 7])
def test_the_same_order_in_every_block_tells_all_apart(rivals):
    found = standing(scores(rivals=rivals, step=30.0))
    assert (found.pairs.to_numpy()[np.triu_indices(rivals, 1)] == 0).all()
    assert (np.diag(found.pairs) == 1).all()


def test_one_block_tells_nothing_apart():
    found = standing(scores(blocks=1, step=30.0))
    assert np.isnan(found.friedman)
    assert len(found.groups()) == 1


def test_ties_share_a_rank_and_a_diverged_run_has_the_last():
    table = pd.DataFrame({"a": [1.0, 1.0], "b": [1.0, 2.0], "c": [np.nan, 0.5]})
    np.testing.assert_array_equal(standing(table).ranks, [[1.5, 1.5, 3], [2, 3, 1]])


# --- rows

@pytest.mark.parametrize("scale", ["paper", "mini"])
def test_every_method_is_there_once_on_each_prior_that_it_allows(scale):
    plain = [(row.method, row.prior) for row in leaderboard.competitors(scale)
             if not row.hyper and row.method in METHODS]
    assert sorted(plain) == sorted((name, prior) for name, method in METHODS.items()
                                   for prior in method.priors)
    assert {row.method for row in leaderboard.competitors(scale)} == {*METHODS, *OBJECTIVES}


def test_method_that_joins_the_registry_joins_the_leaderboard(monkeypatch):
    before = leaderboard.competitors("paper")
    monkeypatch.setitem(METHODS, "newcomer", METHODS["koleo"])
    new = set(leaderboard.competitors("paper")) - set(before)
    assert [(row.label, row.prior) for row in new] == [("newcomer", "sphere")]


def test_rows_differ_in_method_prior_dimension_and_weight_alone():
    free = {"method", "revision", "hyper", "prior", "lam", "objective", "dim"}
    fields = {json.dumps({name: value for name, value in arm.run.fields().items()
                          if name not in free}, sort_keys=True)
              for arm in leaderboard.TUNING.arms("paper")}
    assert len(fields) == 1


def test_weights_are_chosen_on_validation_images_with_half_of_the_epochs():
    grid = leaderboard.TUNING
    whole = leaderboard.template("paper")
    counts = pd.Series([arm.panels[0] for arm in grid.arms("paper")]).value_counts()
    assert set(counts) == {5}
    for arm in grid.arms("paper"):
        assert (arm.run.n_train, arm.run.epochs) == (whole.n_train - 5000, whole.epochs // 2)
        assert [(measure.split, measure.n_eval) for measure in arm.measures] == [
            ("validation", 5000)]
    assert grid.seeds["paper"] == 1


def test_chosen_weight_has_the_lowest_score_by_the_rows_own_sampler():
    def rows(label, method, *values):
        return [{"scale": "mini", "dataset": "mnist", "panel": f"{label}[d=8]", "seed": 0,
                 "arm": f"{label}[d=8,w={k}]", "architecture": "small", "method": method,
                 "prior": "gaussian", "lam": k, "hyper.beta": k / 10 if method == "vae" else None,
                 "status": "done", "epoch": 3, "n_eval": 9, "fd_mnist": prior, "fd_mnist_gmm": mix}
                for k, (prior, mix) in enumerate(values, start=1)]

    table = leaderboard.trial_table(pd.DataFrame([
        *rows("mmd", "mmd", (3.0, 1.0), (2.0, 5.0)), *rows("rae", "rae", (1.0, 3.0), (2.0, 2.0)),
        *rows("beta-vae", "vae", (2.0, 9.0), (1.0, 9.0))]))
    best = table[table["chosen"]].set_index("method")
    assert best["arm"].to_dict() == {
        "mmd": "mmd[d=8,w=2]", "rae": "rae[d=8,w=2]", "vae": "beta-vae[d=8,w=2]"}
    assert best.loc["vae", "lam"] == 0.2


# --- table and sentences

def world(labels, panels=("d=8", "d=32"), seeds=5, **changed):
    """Rows of runs.csv: each label's scores lie a unit above the one's before, with some noise."""
    draws, rows = np.random.default_rng(1), []
    for panel in panels:
        for seed in range(seeds):
            for k, label in enumerate(labels):
                rows.append({
                    "scale": "paper", "dataset": "mnist", "panel": panel, "seed": seed,
                    "arm": f"{label}[{panel}]", "method": "mmd", "prior": "sphere", "lam": 1.0,
                    "status": "done", "epoch": 3, "n_eval": 9,
                    "fd_mnist": k + 0.05 * draws.normal(), "fd_mnist_gmm": 10.0 - k,
                    "regularizer_ms": 1.0 if seed == 0 else None} | changed.get(label, {}))
    return pd.DataFrame(rows)


def test_table_is_ranked_by_panel_and_over_all():
    rows = world(["good", "fair", "poor"])
    rows.loc[(rows["panel"] == "d=32") & rows["arm"].str.startswith("good"), "fd_mnist"] = 9.0
    table = ranked(rows, 0)
    of = {panel: group["arm"].to_list() for panel, group in table.groupby("panel", sort=False)}
    assert of == {"d=8": ["good[d=8]", "fair[d=8]", "poor[d=8]"],
                  "d=32": ["fair[d=32]", "poor[d=32]", "good[d=32]"]}
    good = table[table["arm"] == "good[d=8]"].iloc[0]
    assert (good["rank"], good["overall_rank"], good["n"]) == (1.0, 2.0, 5)
    taken = rows[rows["arm"] == "good[d=8]"]["fd_mnist"]
    assert good["score_mean"] == pytest.approx(taken.mean())
    assert good["regularizer_ms"] == 1.0


def test_autoencoder_competes_twice_and_rae_by_its_mixture():
    rows = world(["autoencoder gaussian", "rae", "mmd"])
    found = competing(rows).groupby("label", sort=False)["score"].mean()
    assert found["autoencoder gaussian"] == pytest.approx(0, abs=0.1)
    assert found["autoencoder gaussian, mixture"] == 10.0
    assert found["rae"] == 9.0


def test_summary_says_who_is_best_and_who_is_told_apart():
    text = summary(world(["good", "fair", "poor"]))
    assert text.startswith("good has the best mean rank in fd_mnist (1.0 of 3 rows); 2 of 2 rows "
                           "are worse beyond chance (mnist, paper scale, d=8, d=32, 5 seeds).")
    assert "3 of 3 differences in rank survive Holm's correction" in text
    equal = world(["one", "two", "three"])
    equal["fd_mnist"] = np.random.default_rng(0).normal(size=len(equal))
    assert "Not told apart: " in summary(equal)
    assert "0 of 3 differences" in summary(equal)


def test_rows_that_are_not_complete_have_no_overall_rank():
    rows = world(["good", "fair", "poor", "late"])
    late = rows["arm"].eq("late[d=32]") & rows["seed"].eq(4)
    rows.loc[late, ["status", "fd_mnist", "epoch"]] = ["missing", None, None]
    table = ranked(rows, 0).set_index("arm")
    assert np.isnan(table.loc["late[d=8]", "overall_rank"])
    assert table.loc["late[d=8]", "rank"] == 4.0
    assert table.loc["late[d=32]", "missing"] == 1
    assert "late" not in pairs(rows)


def test_without_an_outcome_nothing_is_ranked():
    rows = world(["good", "fair", "poor"]).drop(columns=["fd_mnist", "fd_mnist_gmm"])
    table = ranked(rows.assign(status="failed", epoch=None), 0)
    assert len(table) == 6
    assert table["rank"].isna().all()
    assert (table["missing"] == 5).all()
    assert "No competitor has been trained" in summary(rows.assign(status="missing"))
    assert pairs(rows.assign(status="missing")).count("\n") == 1


def test_diverged_row_is_last():
    rows = world(["good", "fair", "poor"])
    rows.loc[rows["arm"].str.startswith("good"), ["status", "fd_mnist"]] = ["diverged", None]
    assert ranked(rows, 0).groupby("panel").tail(1)["label"].to_list() == ["good", "good"]


# --- the command

OWN = """
from methods.base import Regularizer
from methods.mmd import squared_distances

class Mine(Regularizer):
    def __init__(self, context):
        super().__init__()

    def penalty(self, step):
        return (2 * squared_distances(step.z, step.prior).mean()
                - squared_distances(step.z, step.z).mean())
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """A finished leaderboard at smoke scale; tests must not write into it."""
    from conftest import Place
    place = Place(tmp_path_factory.mktemp("board"))
    done = place.bench(*SCALE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " has the best mean rank in fd_mnist" in done.stdout
    return place


def copied(board, place):
    """A place with the board's results, and none of its runs."""
    folder = place.cache / "smoke" / "leaderboard-mnist"
    folder.parent.mkdir(parents=True)
    import shutil
    shutil.copytree(board.cache / "smoke" / "leaderboard-mnist", folder)
    return folder


def test_reuse_trains_nothing_that_the_results_hold(board, place):
    folder = copied(board, place)
    before = {path.relative_to(folder): path.read_bytes()
              for path in folder.rglob("*") if path.is_file()}
    done = place.bench(*SCALE, "--reuse")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"leaderboard-mnist, smoke scale: {len(leaderboard.arms('smoke'))} reused" in done.stdout
    assert not list((place.cache / "runs").glob("*"))
    assert before == {path.relative_to(folder): path.read_bytes()
                      for path in folder.rglob("*") if path.is_file()}


def test_reuse_trains_what_is_missing_or_lacks_a_measure(board, place):
    folder = copied(board, place)
    content = json.loads((folder / "provenance.json").read_text())
    first, second, *_ = content["runs"]
    del content["runs"][first]
    shared = content["shared"].pop("measures", {})
    for key, run in content["runs"].items():
        run["measures"] = dict(run.get("measures", shared))
        if key == second:
            del run["measures"]["matching@48"]
    (folder / "provenance.json").write_text(json.dumps(content))
    done = place.bench(*SCALE, "--reuse")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (place.cache / "runs").iterdir()} == {first, second}
    assert "2 done, 6 reused" in done.stdout


def test_own_method_is_tuned_and_stands_among_reused_rows(board, place):
    copied(board, place)
    (place.folder / "mine.py").write_text(OWN)
    done = place.bench(*SCALE, "--with", "mine.py", "--reuse")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tune-leaderboard-mnist: training 5 of 5 runs" in done.stdout
    assert "leaderboard-mnist: training 1 of 9 runs" in done.stdout
    assert "reused: 8 runs of" in done.stdout
    custom = place.cache / "smoke" / "custom"
    grid = read_csv((custom / "tune-leaderboard-mnist" / "data.csv").read_text())
    (weight,) = grid[grid["chosen"]]["lam"]
    rows = read_csv((custom / "leaderboard-mnist" / "data.csv").read_text()).set_index("label")
    assert rows.loc["mine", "lam"] == weight
    assert rows.loc["mine", "rank"] >= 1
    ours = read_csv((board.cache / "smoke" / "leaderboard-mnist" / "data.csv").read_text())
    same = rows.loc[ours["label"], "score_mean"].to_numpy()
    np.testing.assert_array_equal(same, ours["score_mean"])
    assert "leaderboard[mine[d=8]]" in (custom / "leaderboard-mnist" / "claims.csv").read_text()


def test_reuse_and_rerun_exclude_each_other(place):
    done = place.bench(*SCALE, "--reuse", "--rerun")
    assert done.returncode == 2
    assert "--reuse takes over what --rerun would train again" in done.stderr


def test_own_setting_with_a_weight_is_not_tuned():
    (arm,) = leaderboard.own_arms("smoke", "mmd", {"lam": 3.0})
    assert (arm.name, arm.run.lam) == ("mmd lam=3.0[d=8]", 3.0)
    assert leaderboard.own_trials("smoke", "mmd", {"lam": 3.0}) == ()
    chosen = replace(leaderboard.own_arms("smoke", "swd", {"projections": 9},
                                          {"swd projections=9[d=8]": 7.0})[0])
    assert chosen.run.lam == 7.0
