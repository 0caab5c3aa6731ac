"""Readings, borrowed noise, chosen lambdas, and whose verdict it is."""

import csv
from dataclasses import replace
import io
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp, softmax
from scipy.stats import norm, t, ttest_ind

from benchmarks import ARTEFACTS, fig1_synthetic, fig4_latent_dim, score_table, table1, table2
from benchmarks.harness.analysis.derived_verdicts import conclusions
from benchmarks.harness.analysis.statistics import enough_grows, grows, slope
from benchmarks.harness.analysis.verdicts import judge
from benchmarks.harness.results.read import Verdicts, judged_claims, unjudged_rows
from benchmarks.harness.results.write import judged
from benchmarks.harness.spec.claims import (
    SCALES,
    VERDICTS,
    Claim,
    Counted,
    Equivalence,
    Ordering,
    Range,
    Readings,
    Trend,
    Untestable,
    joined,
    share,
)
from benchmarks.harness.spec.selection import select
from benchmarks.harness.spec.user_data import UserData
from benchmarks.tuning import Choice

ORDER = {"reproduced": 2, "inconclusive": 1, "contradicted": 0, "not run": 0.5,
         "not testable here": 0.6}  # of which all parts together have the least


def runs(scores, **columns):
    """One run per arm and seed with its FID, all of one kind unless a column says otherwise."""
    kind = {"scale": "paper", "dataset": "celeba", "architecture": "a2", "method": "moca",
            "panel": "main", "image_size": 64} | columns
    return pd.DataFrame([
        {**kind, "arm": arm, "seed": seed, "status": "done", "epoch": 1, "fid": value,
         "fd_cifar10": value}
        for arm, values in scores.items() for seed, value in enumerate(values)])


def line_of(rows, test, others=dict):
    return judge(rows, [Claim("C", "", "", test)], others).iloc[0]


# readings

@pytest.mark.parametrize(("verdicts", "expected"), [
    (("reproduced", "reproduced"), "reproduced"), (("contradicted",) * 3, "contradicted"),
    (("reproduced", "contradicted"), "depends on the reading"),
    (("reproduced", "inconclusive"), "depends on the reading"),
    (("reproduced", "not run"), "not run"), (("reproduced", "not testable here"),
                                             "not testable here"),
    (("reproduced", "contradicted", "not run"), "depends on the reading"),
    (("not testable here", "not run"), "not run"), (("inconclusive",) * 2, "inconclusive")])
def test_readings_share_a_verdict_or_the_claim_depends_on_them(verdicts, expected):
    assert share(verdicts) == expected
    assert share(verdicts[::-1]) == expected


def test_each_reading_has_a_row_below_its_claims():
    rows = runs({"a": [50.0, 50.5, 49.5], "b": [60.0, 60.5, 59.5], "c": [40.0, 40.5, 39.5]})
    of = [Claim(f"C9[{rival}]", f"than {rival}", "here", Ordering("fid", ("a",), (rival,)))
          for rival in "bc"]
    claims = [joined("C9", "a is lower", "there", of), joined("C8", "one", "there", of[:1])]
    lines = judge(rows, claims)
    assert lines["claim"].to_list() == ["C9", "C9[b]", "C9[b]", "C9[c]", "C9[c]", "C8", "C8"]
    assert lines["role"].to_list() == ["verdict", "reading", "part", "reading", "part",
                                       "verdict", "part"]
    assert lines["verdict"].to_list()[:5:2] == ["depends on the reading", "reproduced",
                                                "contradicted"]
    assert lines["reason"].iloc[0] == "reproduced: C9[b]; contradicted: C9[c]"
    proxy = claims[0].by_proxy()
    assert [(one.id, one.basis) for one in (proxy, *proxy.readings)] == [
        ("C9[fd_cifar10]", "proxy"), ("C9[b][fd_cifar10]", "proxy"),
        ("C9[c][fd_cifar10]", "proxy")]
    (first, second) = judged_claims(lines.to_dict("records"))
    assert [row["claim"] for row in first.readings] == ["C9[b]", "C9[c]"]
    assert second.readings == []


def test_derived_claim_shares_the_verdict_of_all_combinations_of_readings():
    words = [word for word in VERDICTS if word != "depends on the reading"]
    names = ("A", "B")
    for first in product(words, repeat=2):
        for second in words:
            readings = {"A": dict(zip("xy", first, strict=True)), "B": {"B": second}}
            (found,) = conclusions(readings, {"D": ("text", names)})
            assert found.verdict == share(min(pair, key=ORDER.__getitem__)
                                          for pair in product(first, (second,)))
    assert conclusions({"A": {"A": "contradicted"}}, {"D": ("", names)})[0].verdict == (
        "contradicted")  # whatever B is
    assert conclusions({"A": {"A": "reproduced"}}, {"D": ("", names)})[0].verdict == "not run"


def test_readings_count_once():
    claim = joined("C1", "", "", [Claim(f"C1[{k}]", "", "", Untestable("no")) for k in range(3)])
    rows = [unjudged_rows(claim, "paper", "no results")]
    counts = Verdicts([], {None: rows[0]}, {}).counts
    assert counts["the paper's claims"] == {"not testable here": 1}
    assert [row["role"] for row in rows[0]] == ["verdict", "reading", "reading", "reading"]


@pytest.mark.parametrize(("name", "stem", "notes"), [
    ("fig2-convergence", "C4", ["[tau=0.05]", "[tau=1]"]),
    ("fig2-convergence", "C5", ["[tau=0.05]", "[tau=1]"]),
    ("fig2-convergence", "C6", ["[sphere]", "[gaussian]", "[sphere,tau=1]", "[gaussian,tau=1]"]),
    ("fig2-convergence", "C7", ["[sphere]", "[gaussian]", "[sphere,tau=1]", "[gaussian,tau=1]"]),
    *(("fig8-reconstruction", stem, ["[test,Appendix D]", "[train,Appendix D]", "[test]",
                                     "[train]"]) for stem in ("C21", "C21b")),
    ("fig9-input-size", "C22[monotone]", ["[Appendix D]", "[main model]"]),
    ("fig9-input-size", "C22[linear]", ["[Appendix D]", "[main model]"]),
    ("fig9-input-size", "C22b", ["[Appendix D]", "[main model]"])])
def test_settings_that_the_paper_leaves_open_are_readings(name, stem, notes):
    (claim,) = [one for one in ARTEFACTS[name].claims("paper") if one.id == stem]
    assert [one.id for one in claim.readings] == [f"{stem}{note}" for note in notes]
    tests = [one.test for one in claim.readings]
    assert len(set(tests)) == len(tests)
    declared = {arm.name for arm in ARTEFACTS[name].arms("paper")}
    spoken = {arm for test in tests for arm in declared if f"'{arm}'" in repr(test)}
    assert spoken or ":" in repr(tests[0])


def test_runs_of_figures_8_and_9_mix_no_setting_of_the_two_appendices():
    for name, settings in (
            ("fig8-reconstruction", {(1.0, 0.999, 60_000, 200), (0.05, 0.99, 30_000, 100)}),
            ("fig9-input-size", {(1.0, 0.999, 60_000, 400), (1.0, 0.99, 30_000, 400)})):
        runs = [arm.run for arm in ARTEFACTS[name].arms("paper")]
        assert {(*(dict(run.hyper)[key] for key in ("tau", "m0", "K")), run.epochs)
                for run in runs} == settings


def every(claims):
    return [one for claim in claims for one in (claim, *claim.readings)]


def model(run):
    """What a run trains: without a weight the regularizer does not matter."""
    return replace(run, method="", hyper=(), revision="") if not run.lam else run


@pytest.mark.parametrize("scale", SCALES)
def test_no_claim_compares_a_run_with_itself(scale):
    """On the sphere MoCA and WAE-MMD are one model at lambda 0."""
    for artefact in ARTEFACTS.values():
        of = {arm.name: model(arm.run) for arm in artefact.arms(scale)}
        for claim in every(artefact.claims(scale)):
            match claim.test:
                case Ordering() as test if ":" not in test.statistic:
                    pairs = (zip(test.lower, test.higher, strict=True) if test.matched
                             else product(test.lower, test.higher))
                case Equivalence() as test:
                    pairs = [(test.arm, test.other)]
                case _:
                    pairs = []
            assert not [pair for pair in pairs if of[pair[0]] == of[pair[1]]], claim.id


# noise

def test_two_seeds_are_judged_by_both_arms_spread():
    one, other = [50.0, 51.0], [60.0, 62.5]
    found = line_of(runs({"a": one, "b": other}), Ordering("fid", ("a",), ("b",)))
    expected = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))


def test_single_seed_is_judged_by_replicates_of_another_artefact():
    """Of the same method, network and data set; the row says whose they are."""
    lent = {"x": [50.0, 51.0, 49.0], "y": [70.0, 70.4]}
    others = {"table1": runs(lent), "table2": runs({"z": [0.0, 99.0]}, method="mmd"),
              "fig6": runs({"z": [0.0, 99.0]}, dataset="cifar10"),
              "fig7": runs({"z": [0.0, 99.0]}, architecture="a1")}
    found = line_of(runs({"a": [50.0], "b": [54.0]}), Ordering("fid", ("a",), ("b",)),
                    lambda: others)
    df = 2 + 1
    sd = ((2 * np.var(lent["x"], ddof=1) + np.var(lent["y"], ddof=1)) / df) ** 0.5
    half = t.ppf(0.975, df) * sd * 2**0.5  # one estimate for both arms
    assert found["low"] == pytest.approx(-4 - half)
    assert found["noise"] == pytest.approx(sd)
    assert "replicates of 2 arms of table1" in found["reason"]
    assert found["verdict"] == "reproduced"


def test_single_seed_without_replicates_is_judged_by_the_papers_noise_in_fid_alone():
    rows = runs({"a": [50.0], "b": [51.5], "c": [52.0]})
    found = line_of(rows, Ordering("fid", ("a",), ("c",)))
    assert found["high"] - found["estimate"] == pytest.approx(norm.ppf(0.975) * 0.8)
    assert found["verdict"] == "reproduced"
    assert "the paper's two values" in found["reason"]
    assert line_of(rows, Ordering("fid", ("a",), ("b",)))["verdict"] == "inconclusive"
    found = line_of(rows, Ordering("fd_cifar10", ("a",), ("c",)))
    assert (found["verdict"], found["n"]) == ("not testable here", 1)
    assert "no replicates" in found["reason"]


def test_noise_is_lent_by_the_folders_beside(tmp_path, capsys):
    rows = runs({"a": [50.0], "b": [54.0]})
    claims = [Claim("C", "", "", Ordering("fid", ("a",), ("b",)))]
    reasons = []
    for text in (None, runs({"x": [50.0, 51.0, 49.0]}).to_csv(index=False), "arm,seed\n1"):
        folder = tmp_path / "table1"
        folder.mkdir(exist_ok=True)
        if text:
            (folder / "runs.csv").write_text(text)
        (line,) = csv.DictReader(io.StringIO(judged(rows, claims, tmp_path / "fig10").split(
            "\nC,part")[0]))
        reasons.append(line["reason"])
    assert "the replicates of 1 arm of table1" in reasons[1]
    assert "the paper's two values" in reasons[0] == reasons[2]
    assert "warning" in capsys.readouterr().out  # a corrupt neighbour is named, and lends nothing
    smoke = judged(rows.assign(scale="smoke"), claims, tmp_path / "fig10")
    assert "table1" not in smoke


def grid(best, sd=0.0, steep=10.0, seed=0):
    """FID by side and lambda, with a valley at the best lambda of each side."""
    draws = np.random.default_rng(seed)
    lams = (100.0, 300.0, 1000.0, 3000.0, 10_000.0)
    return pd.DataFrame([
        {"image_size": side, "dim": side, "lam": lam,
         "score": 50 + steep * abs(np.log10(lam / least)) + draws.normal(0, sd)}
        for side, least in best.items() for lam in lams])


def test_choice_ends_hold_every_lambda_within_the_noise():
    """Against all grids in which each lambda within reach of the best is the best, in turn."""
    arms = grid({32: 100.0, 64: 300.0, 256: 1000.0}, sd=2.0, steep=3.0)
    reach = 1.5
    near = {side: of.loc[of["score"] <= of["score"].min() + 2**0.5 * reach, "lam"]
            for side, of in arms.groupby("image_size")}
    assert any(len(lams) > 1 for lams in near.values())
    slopes, steps = [], []
    for lams in product(*near.values()):
        pixels = 2 * np.log(list(near))
        slopes.append(np.polyfit(pixels, np.log(lams), 1)[0])
        steps.append(float((np.diff(lams) > 0).all()))
    assert slope(arms, reach)[1:] == pytest.approx((min(slopes), max(slopes)))
    assert grows(arms, reach)[1:] == (min(steps), max(steps))


def test_flat_scores_tell_no_best_lambda():
    """Proportional to the pixels, or not: the scores are all the same but for noise."""
    flat = grid(dict.fromkeys((32, 64, 256), 100.0), sd=0.55, steep=0.0)
    steep = grid({32: 100.0, 64: 300.0, 256: 10_000.0})
    for arms, expected in ((flat, (0.0, 1.0)), (steep, (1.0, 1.0))):
        rows = arms.assign(arm=[f"a{k}" for k in range(len(arms))], seed=0, status="done",
                           panel="side", epoch=1, fid=arms["score"])
        assert grows(arms, 1.6)[1:] == expected
        found = line_of(rows, Range("grows:fid", (("side", 1.0, 1.0),)))
        assert found["verdict"] == ("inconclusive" if arms is flat else "reproduced")


def test_larger_dimension_must_need_more_and_not_as_much():
    for needed, expected in (((100.0, 10_000.0), 1.0), ((1000.0, 1000.0), 0.0),
                             ((1000.0, 100.0), 0.0)):
        found = enough_grows(grid(dict(zip((64, 512), needed, strict=True)), steep=30.0), 0.5)
        assert found == (expected,) * 3


def test_range_of_a_grid_is_judged_by_the_noise_of_one_score():
    scores = {"a": [46.6, 46.7], "b": [48.4, 48.5], "c": [49.9, 50.1]}
    found = line_of(runs(scores), Range("range:fid", (("main", 0.0, 5.0),)))
    sd = np.mean([np.var(values, ddof=1) for values in scores.values()]) ** 0.5
    half = t.ppf(0.975, 3) * sd * 2**0.5 / 2**0.5
    assert (found["estimate"], found["high"]) == pytest.approx((3.35, 3.35 + half))
    assert found["verdict"] == "reproduced"


# one side, counts

@pytest.mark.parametrize(("shift", "expected"), [
    (0.1, "reproduced"), (0.0, "reproduced"), (-0.02, "reproduced"), (-0.1, "contradicted"),
    (-0.03, "inconclusive")])
def test_method_that_is_better_is_comparable(shift, expected):
    other = [0.80, 0.81, 0.79, 0.80, 0.80]
    wobble = (1, -1, 0, 1, -1)
    rows = runs({"a": [value + shift + 0.001 * k for value, k in zip(other, wobble, strict=True)],
                 "b": other})
    test = Equivalence(("fid",), "a", "b", 0.03, better="higher")
    assert line_of(rows, test)["verdict"] == expected
    worse = replace(test, arm="b", other="a", better="lower")
    assert line_of(rows, worse)["verdict"] == expected


def test_counts_are_judged_without_a_run():
    claim = Claim("C18", "", "", Counted((("weights", 38.0, 36.0, 40.0), ("more", 45.0, 36.0,
                                                                          40.0))))
    (line,) = unjudged_rows(claim, "paper", "no results")
    assert (line["verdict"], line["reason"]) == ("contradicted", "weights: 38, more: 45")
    rows = runs({"a": [1.0]})
    assert judge(rows, [claim])["verdict"].to_list() == ["contradicted", "reproduced",
                                                         "contradicted"]


COSINES = np.linspace(-1, 1, 4001)[1:-1]  # with a fixed direction of the sphere


def log_weight(d, kappa):
    """Of the cosines under von Mises-Fisher's law, up to a constant."""
    return kappa * COSINES + (d - 3) / 2 * np.log1p(-COSINES**2)


def log_mean(d, kappa):
    """log E exp(kappa mu.y) for y uniform on the sphere."""
    return logsumexp(log_weight(d, kappa)) - logsumexp(log_weight(d, 0.0))


def test_limits_of_claims_c34_and_c35_equal_the_integral_over_the_cosine():
    for d, value in fig4_latent_dim.LIMITS.items():
        assert log_mean(d, 20.0) == pytest.approx(value, abs=1e-4)
    found, least = list(fig1_synthetic.EXCESS.values()), log_mean(128, 20.0)
    assert found[2:] == pytest.approx([log_mean(64, 20.0) - least, 20.0 - least], abs=1e-4)
    for kappa, value in zip((10.0, 100.0), found, strict=False):
        share_of = softmax(log_weight(128, kappa))
        likely = np.flatnonzero(share_of > 1e-8)
        # a kernel about x, times the law's own about mu, is one about x / tau + kappa mu
        joint = [log_mean(128, (kappa**2 + 400 + 40 * kappa * t) ** 0.5) for t in COSINES[likely]]
        mean = np.average(joint, weights=share_of[likely]) - log_mean(128, kappa)
        assert mean - least == pytest.approx(value, abs=1e-4)


# lambda

def chosen(scale, dataset):
    labels = ("moca", "mmd sphere", "mmd gaussian", "gan sphere", "gan gaussian", "swd",
              "sinkhorn", "sae", "cramer-wold", "uniformity", "swd gaussian",
              "cramer-wold gaussian")
    return lambda name: {label: Choice(3.0, scale, dataset) for label in labels}


def by_id(claims):
    return {claim.id: claim for claim in every(claims)}


def test_comparison_of_regularizers_stands_at_both_lambdas(monkeypatch):
    monkeypatch.setattr(score_table, "choices", chosen("paper", "celeba"))
    found = by_id(table1.claims("paper"))
    assert found["C15"].readings == (found["C15[paper]"], found["C15[tuned]"])
    stated, tuned = (found[f"C15[{which}]"].test for which in ("paper", "tuned"))
    assert (stated.lower, tuned.lower) == (("moca[A1]",), ("moca[A1,tuned]",))
    assert stated.higher == ("mmd gaussian[A1,lam=500]", "sae[A1]", "swd gaussian[A1]",
                             "cramer-wold gaussian[A1,lam=5]")
    assert tuned.higher == ("mmd gaussian[A1]", "sae[A1]", "swd gaussian[A1]",
                            "cramer-wold gaussian[A1]")
    assert {one.id for one in found["C15[WAE-GAN]"].readings} == {
        "C15[WAE-GAN][paper]", "C15[WAE-GAN][tuned]"}


@pytest.mark.parametrize(("scale", "dataset", "said"), [
    ("mini", "celeba", "lambda chosen at mini scale on celeba for"),
    ("paper", "cifar10", "lambda chosen at paper scale on cifar10 for"), ("paper", "celeba", "")])
def test_lambda_chosen_elsewhere_decides_nothing(scale, dataset, said, monkeypatch):
    monkeypatch.setattr(score_table, "choices", chosen(scale, dataset))
    for id in ("C15[paper]", "C15[tuned]", "C15[WAE-GAN][tuned]"):
        test = by_id(table1.claims("paper"))[id].test
        assert isinstance(test, Untestable) is bool(said)
        assert said in getattr(test, "reason", "")
    assert isinstance(by_id(table1.claims("paper"))["C16[CelebA]"].test, Ordering)


def test_lambda_chosen_at_mini_scale_counts_there():
    tests = {id: claim.test for id, claim in by_id(table2.claims("mini")).items()}
    assert tests["C17[A1,sphere]"].lower == ("moca[A1]",)
    assert tests["C17[A1,sphere,tuned]"].lower == ("moca[A1,tuned]",)
    assert isinstance(tests["best[A1]"], Readings)
    assert {type(test) for id, test in tests.items() if "tuned" in id} == {Ordering}


# whose verdict it is

def test_verdict_on_other_images_is_ours_and_has_their_name(tmp_path):
    data = UserData("flowers", tmp_path, "0123456789abcdef", 60_000, 10_000, has_classes=True)
    for name in ("fig3-isotropy", "table2", "fig7-tsne"):
        claims = select(ARTEFACTS[name], "mini", None, None, (), data).claims
        assert {claim.basis for claim in every(claims)} == {"ours"}
        assert all(claim.id.endswith("[flowers]") for claim in every(claims))
    assert all("lambda chosen on cifar10" in claim.test.reason
               for id, claim in by_id(select(ARTEFACTS["table2"], "mini", None, None, (), data)
                                      .claims).items() if "tuned" in id)


@pytest.mark.parametrize("picked", [{"methods": "moca"}, {"seeds": 1}])
def test_verdict_on_picked_arms_or_fewer_seeds_is_ours(picked):
    chosen = {"seeds": None, "methods": None} | picked
    claims = select(ARTEFACTS["table2"], "paper", chosen["seeds"], chosen["methods"], ()).claims
    assert "paper" not in {claim.basis for claim in every(claims)}
    whole = select(ARTEFACTS["table2"], "paper", 5, None, ()).claims
    assert [claim.id for claim in whole] == [claim.id for claim in claims]
    assert "paper" in {claim.basis for claim in whole}


# reasons

def test_every_open_verdict_says_why():
    rows = runs({"a": [50.0, 50.4, 49.7], "b": [50.1, 50.3, 49.9], "c": [55.0, 55.2, 54.9]})
    rows = pd.concat([rows, rows[rows["arm"] == "c"].assign(arm="d", status="diverged",
                                                            diverged_step=6),
                      rows[rows["arm"] == "c"].assign(arm="e", status="missing")])
    said = {
        Ordering("fid", ("a",), ("b",)): "no more than the spread over seeds",
        Ordering("fid", ("a",), ("b",), at_least=0.8): "no more than the floor of 0.8",
        Ordering("fid", ("a",), ("d",)): "3 of 3 runs of d diverged at step 6",
        Ordering("fid", ("a",), ("e",)): "needs runs of e",
        Ordering("fid", ("a",), ("f",)): "needs runs of f",
        Ordering("nmi", ("a",), ("b",)): "nmi was not measured",
        Equivalence(("fid",), "a", "b", 0.1): "its interval reaches over -0.1 and 0.1",
        Range("fid", (("a", 50.0, 60.0),)): "its interval reaches over 50",
        Trend("fid", ("a", "b", "c", "d")): "3 of 3 runs of d diverged at step 6",
        Trend("fid", ("a", "c", "b")): "first and last differ by no more than the spread",
        Trend("fid", ("a", "b", "e")): "needs runs of e",
        Untestable("the paper does not say"): "the paper does not say"}
    for test, reason in said.items():
        line = line_of(rows, test)
        assert line["verdict"] not in ("reproduced", "contradicted"), test
        assert reason in line["reason"], test
