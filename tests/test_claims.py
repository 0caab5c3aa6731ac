"""Verdicts against scipy's paired t-test and on tables with known verdicts."""

from dataclasses import replace
import fnmatch
from itertools import combinations, permutations

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata, spearmanr, ttest_rel

from benchmarks.harness.analysis.comparisons import compare, p_rising
from benchmarks.harness.analysis.estimates import Comparison, below, corrected
from benchmarks.harness.analysis.scores import Scores
from benchmarks.harness.analysis.statistics import (
    GRID_STATISTICS,
    STATISTICS,
    auc_log_swd,
    epochs_to_twice_floor,
    final_swd,
)
from benchmarks.harness.analysis.tables import summary, t_interval
from benchmarks.harness.analysis.verdicts import judge
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.claims import (
    FID_NOISE,
    SCALES,
    Claim,
    Equivalence,
    Ordering,
    Range,
    Tracking,
    Trend,
)


def rows_of(finals, epochs=4, status="done"):
    """One run per arm and seed whose distance is constant at its value; floor 1."""
    return pd.DataFrame([
        {"arm": arm, "seed": seed, "epoch": epoch, "status": status, "swd2_root": value,
         "floor_root": 1.0}
        for arm, values in finals.items() for seed, value in enumerate(values)
        for epoch in range(epochs)])


def claim(lower, higher, quantifier="all", statistic="final_swd", beside=()):
    return Claim("C", "text", "place", Ordering(statistic, lower, higher, quantifier, beside))


def verdict(rows, *arguments, **named):
    lines = judge(rows, [claim(*arguments, **named)])
    (line,) = lines[lines["role"] == "verdict"].to_dict("records")
    return line


CLEAR = {"low": [1.0, 1.1, 0.9, 1.05, 0.95], "high": [2.0, 2.1, 1.9, 2.05, 1.95],
         "same": [1.01, 1.09, 0.92, 1.04, 0.94]}


def test_paired_interval_equals_scipy():
    values = [1.0, 2.0, 4.0, 4.5]
    expected = ttest_rel(values, np.zeros(4)).confidence_interval(0.95)
    assert t_interval(values)[1:] == pytest.approx((expected.low, expected.high))
    assert np.isnan(t_interval([1.0])[1])
    table = summary(pd.DataFrame({"g": 1, "v": values}), ["g"], ["v"]).iloc[0]
    assert table["n"] == 4
    assert (table["v_low"], table["v_high"]) == pytest.approx((expected.low, expected.high))
    assert table["v_std"] == pytest.approx(np.std(values, ddof=1))


def test_comparison_equals_the_paired_t_test():
    rows = rows_of(CLEAR)
    part = compare(Scores(rows), "low", "same", "final_swd", below())
    expected = ttest_rel(CLEAR["low"], CLEAR["same"]).confidence_interval(0.95)
    assert (part.low, part.high) == pytest.approx((expected.low, expected.high))
    assert part.noise == pytest.approx(np.std(CLEAR["low"], ddof=1))
    turned = compare(Scores(rows), "same", "low", "final_swd", below())
    assert turned.noise == part.noise > np.std(CLEAR["same"], ddof=1)
    assert part.n == 5


@pytest.mark.parametrize(("lower", "higher", "quantifier", "expected"), [
    (("low",), ("high",), "all", "reproduced"),
    (("high",), ("low",), "all", "contradicted"),
    (("low",), ("same",), "all", "inconclusive"),
    (("low",), ("high", "same"), "all", "inconclusive"),
    (("high",), ("low", "same"), "all", "contradicted"),
    (("low", "same"), ("high",), "any", "reproduced"),
    (("high", "low"), ("same",), "any", "inconclusive"),
    (("high",), ("low", "same"), "any", "contradicted"),
    (("low",), ("absent",), "all", "not run"),
    (("low",), ("high", "absent"), "all", "not run"),
    (("low", "absent"), ("high",), "any", "reproduced"),
    (("high", "absent"), ("low",), "any", "not run"),
])
def test_ordering_verdicts_on_clear_differences(lower, higher, quantifier, expected):
    line = verdict(rows_of(CLEAR), lower, higher, quantifier)
    assert line["verdict"] == expected


def test_difference_within_replicate_noise_is_inconclusive():
    """The pairs differ by a constant, so the interval is a point; the replicates spread further."""
    spread = [1.0, 2.0, 3.0, 4.0, 5.0]
    rows = rows_of({"a": spread, "b": [v + 0.5 + 1e-6 * k for k, v in enumerate(spread)]})
    part = compare(Scores(rows), "a", "b", "final_swd", below())
    assert part.high < 0
    assert part.verdict == "inconclusive"


def test_ordering_with_one_seed_is_untestable_where_nothing_tells_the_noise():
    line = verdict(rows_of({"a": [1.0], "b": [9.0]}), ("a",), ("b",))
    assert line["verdict"] == "not testable here"
    assert "no replicates" in line["reason"]


def test_ordering_with_a_diverged_run_is_inconclusive_and_leaves_it_out():
    rows = rows_of(CLEAR)
    rows.loc[(rows["arm"] == "high") & (rows["seed"] == 2), "status"] = "diverged"
    line = verdict(rows, ("low",), ("high",))
    assert (line["verdict"], line["n"]) == ("inconclusive", 4)


@pytest.mark.parametrize(("diverged", "expected"), [
    ({"b": (0, 1, 2, 3, 4)}, "reproduced"), ({"a": (0, 1, 2, 3, 4)}, "contradicted"),
    ({"b": (0, 1, 2, 3)}, "inconclusive"),  # 1/16 may be chance
    ({"b": (0, 1, 2, 3, 4), "a": (3,)}, "inconclusive"), ({"b": ()}, "inconclusive")])
def test_stability_claim_counts_divergences(diverged, expected):
    """C28: an arm that diverges has no score to compare."""
    rows = rows_of({"a": CLEAR["low"], "b": CLEAR["same"]})
    for arm, seeds in diverged.items():
        rows.loc[(rows["arm"] == arm) & rows["seed"].isin(seeds), "status"] = "diverged"
    for counts in (True, False):
        test = Ordering("final_swd", ("a",), ("b",), or_diverges=counts)
        line = judge(rows, [Claim("C", "", "", test)]).iloc[0]
        assert line["verdict"] == (expected if counts else "inconclusive")
        decided = counts and expected != "inconclusive"
        assert ("one alone diverges in 5 seeds" in line["comparison"]) is decided


def test_failed_runs_are_not_paired():
    rows = rows_of(CLEAR)
    rows.loc[rows["seed"] == 1, "status"] = "failed"
    assert verdict(rows, ("low",), ("high",))["n"] == 4


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=5))
def test_correction_equals_the_closure_of_bonferronis(chances):
    """Holm's rejects what Bonferroni's rejects in every set of hypotheses that holds it."""
    parts = [Comparison(str(k), "", 1.0, 0.5, 1.5, 0.0, 3, "contradicted", "", 1 - p, p)
             for k, p in enumerate(chances)]
    sets = [chosen for size in range(1, len(parts) + 1)
            for chosen in combinations(range(len(parts)), size)]
    for k, part in enumerate(corrected(parts, "all")):
        rejected = all(min(chances[i] for i in chosen) <= 0.025 / len(chosen)
                       for chosen in sets if k in chosen)
        assert (part.verdict == "contradicted") is rejected
        assert ("Holm" in part.reason) is not rejected
    turned = [replace(part, verdict="reproduced", supports=part.opposes) for part in parts]
    verdicts = [[part.verdict in ("contradicted", "reproduced") for part in found] for found in
                (corrected(parts, "all"), corrected(turned, "any"))]
    assert verdicts[0] == verdicts[1]
    assert corrected(turned, "all") == turned


def test_one_of_several_rivals_contradicts_only_after_the_correction():
    """A rival alone, and beside seven that are no better than the arm."""
    rng = np.random.default_rng(5)
    rivals = {f"b{k}": CLEAR["low"] + rng.normal(0, 0.1, 5) for k in range(7)}
    better = [value - 0.4 - 0.25 * sign for value, sign in
              zip(CLEAR["low"], (1, -1, 1, -1, 0), strict=True)]
    rows = rows_of({"a": CLEAR["low"], "better": better, **rivals})
    p = ttest_rel(CLEAR["low"], better, alternative="greater").pvalue
    assert 0.025 / 8 < p < 0.025
    assert verdict(rows, ("a",), ("better",))["verdict"] == "contradicted"
    line = verdict(rows, ("a",), ("better", *rivals))
    assert line["verdict"] == "inconclusive"
    told = judge(rows, [claim(("a",), ("better", *rivals))]).set_index("comparison")["reason"]
    assert "too large for one of 8 comparisons (Holm)" in told["a - better"].iloc[-1]


def test_statistic_reported_beside_a_claim_is_not_judged():
    lines = judge(rows_of(CLEAR), [claim(("low",), ("high",), beside=("epochs_to_twice_floor",))])
    assert lines["role"].to_list() == ["verdict", "part", "beside"]
    assert lines["verdict"].isna().to_list() == [False, False, True]


def test_curve_statistics_have_known_values():
    curve = pd.DataFrame({"epoch": [0, 1, 2, 4], "floor_root": 1.0,
                          "swd2_root": np.exp([3.0, 1.0, 0.5, 0.5])})
    # trapezoids: 2 + .75 + 1, over 4 epochs
    assert auc_log_swd(curve) == pytest.approx(3.75 / 4)
    assert final_swd(curve) == pytest.approx(np.exp(0.5))
    assert epochs_to_twice_floor(curve) == 2
    assert epochs_to_twice_floor(curve.assign(floor_root=0.1)) == 5  # censored
    assert auc_log_swd(curve.assign(floor_root=curve["swd2_root"])) == 0
    with pytest.raises(UsageError, match="auc_log_swd"):
        compare(Scores(rows_of(CLEAR)), "low", "high", "auc_log_sdw", below())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)), min_size=2, max_size=8))
def test_reversed_comparison_has_the_opposite_verdict(pairs):
    rows = rows_of({"a": [p[0] for p in pairs], "b": [p[1] for p in pairs]}, epochs=2)
    there, back = (compare(Scores(rows), *arms, "final_swd", below())
                   for arms in (("a", "b"), ("b", "a")))
    turned = {"reproduced": "contradicted", "contradicted": "reproduced",
              "inconclusive": "inconclusive"}
    assert back.verdict == turned[there.verdict]
    assert back.estimate == pytest.approx(-there.estimate)


def asked(test):
    """Returns the statistics and arms that a test names."""
    match test:
        case Equivalence():
            return {*test.statistics}, {test.arm, test.other}
        case Ordering():
            return {test.statistic, *test.beside}, {*test.lower, *test.higher}
        case Trend():
            return {test.statistic, *test.beside}, {*test.arms}
        case Tracking():
            return {test.statistic, *test.others}, {*test.arms}
        case Range():
            return {test.statistic}, {arm for arm, *_ in test.bounds}
    return set(), set()


@pytest.mark.parametrize("scale", SCALES)
def test_claims_name_existing_statistics_and_arms(scale):
    from benchmarks import ARTEFACTS
    for artefact in ARTEFACTS.values():
        declared = {arm.name for arm in artefact.arms(scale)}
        panels = {panel for arm in artefact.arms(scale) for panel in arm.panels}
        for item in artefact.claims(scale):
            statistics, arms = asked(item.at(scale).test)
            kinds = {name.rpartition(":")[0] for name in statistics} - {""}
            assert kinds <= set(GRID_STATISTICS)
            assert {name.rpartition(":")[2] for name in statistics} <= set(STATISTICS)
            if kinds:
                assert all(fnmatch.filter(panels, pattern) for pattern in arms), item.id
            else:
                assert arms <= declared, item.id


def test_verdict_row_repeats_the_deciding_comparison():
    rows = rows_of(CLEAR | {"higher": [v + 1 for v in CLEAR["high"]]})
    least_favourable = verdict(rows, ("low",), ("higher", "high"), "all")
    assert least_favourable["comparison"] == "low - high"
    most_favourable = verdict(rows, ("low",), ("high", "higher"), "any")
    assert most_favourable["comparison"] == "low - higher"


ONE = [0.90, 0.91, 0.92, 0.90]


@pytest.mark.parametrize(("shift", "wobble", "expected"), [
    (0.0, 0.001, "reproduced"), (0.02, 0.001, "reproduced"), (-0.02, 0.001, "reproduced"),
    (0.05, 0.001, "contradicted"), (-0.05, 0.001, "contradicted"),
    (0.03, 0.001, "inconclusive"), (0.0, 0.05, "inconclusive"),
])
def test_equivalence_requires_the_whole_interval_inside_the_margin(shift, wobble, expected):
    signs = (1, -1, 1, -1)
    other = [value + shift + sign * wobble for value, sign in zip(ONE, signs, strict=True)]
    rows = rows_of({"a": ONE, "b": other}, epochs=2)
    rows = rows.assign(knn10_accuracy=rows["swd2_root"], nmi=0.5)
    item = Claim("C", "text", "place", Equivalence(("nmi", "knn10_accuracy"), "a", "b", 0.03))
    lines = judge(rows, [item])
    assert lines["role"].to_list() == ["verdict", "part", "part"]
    assert lines["verdict"].to_list() == [expected, "reproduced", expected]
    part = lines.iloc[2]
    bounds = ttest_rel(ONE, other).confidence_interval(0.95)
    assert (part["low"], part["high"]) == pytest.approx((bounds.low, bounds.high))


def test_equivalence_with_one_seed_or_divergence_or_missing_arm_is_undecided():
    rows = rows_of({"a": ONE, "b": ONE}, epochs=2).assign(knn10_accuracy=0.9)

    def verdict_of(rows):
        item = Claim("C", "text", "place", Equivalence(("knn10_accuracy",), "a", "b", 0.03))
        return judge(rows, [item])["verdict"].iloc[0]

    assert verdict_of(rows) == "reproduced"
    assert verdict_of(rows[rows["seed"] == 0]) == "not testable here"
    assert verdict_of(rows[rows["arm"] == "a"]) == "not run"
    rows.loc[(rows["arm"] == "b") & (rows["seed"] == 1), "status"] = "diverged"
    assert verdict_of(rows) == "inconclusive"


def along(table, **columns):
    """One run per arm and seed from rows (seeds) of values (arms)."""
    return pd.DataFrame([
        {"arm": f"a{k}", "seed": seed, "epoch": 3, "status": "done", "nmi": value, **columns}
        for seed, row in enumerate(table) for k, value in enumerate(row)])


def trend_of(table, direction="falls", arms=4, **columns):
    test = Trend("nmi", tuple(f"a{k}" for k in range(arms)), direction)
    (line,) = judge(along(table, **columns), [Claim("T", "", "", test)]).to_dict("records")
    return line


@pytest.mark.parametrize(("table", "direction", "expected"), [
    ([[4.0, 3, 2, 1]], "falls", "reproduced"),  # 1 of 24 orders
    ([[4.0, 3, 2, 1]], "rises", "contradicted"),
    ([[4.0, 3, 1, 2]], "falls", "inconclusive"),
    ([[4.0, 3, 1, 2], [4.1, 3.1, 1.1, 2.1]], "falls", "reproduced"),
    ([[4.0, 3, 2, 1], [1.0, 2, 3, 4]], "falls", "inconclusive"),
    ([[2.0, 2, 2, 2]], "falls", "inconclusive"),
    ([[1.3, 1.2, 1.1, 1.0], [9.3, 9.2, 9.1, 9.0]], "falls", "inconclusive"),  # within the spread
])
def test_trend_verdicts(table, direction, expected):
    assert trend_of(table, direction)["verdict"] == expected


def test_trend_over_three_points_of_one_seed_is_untestable_but_for_its_ends():
    """1 of 6 orders is more than 5 %."""
    assert trend_of([[3.0, 2, 1]], arms=3)["verdict"] == "not testable here"
    fid = along([[60.0, 55.0, 50.0]]).rename(columns={"nmi": "fid"})
    ends = judge(fid, [Claim("T", "", "", Trend("fid", ("a0", "a1", "a2")))]).iloc[0]
    assert (ends["comparison"], ends["verdict"]) == ("a2 - a0", "reproduced")
    assert trend_of([[3.0, 2, 1], [3.1, 2.1, 1.1]], arms=3)["verdict"] == "reproduced"  # 1 of 36


def test_trend_over_two_arms_is_their_difference():
    table = [[2.0, 1.0], [2.1, 1.1], [2.05, 1.02], [2.0, 1.05], [2.1, 1.0], [2.0, 1.1]]
    for seeds in (2, 3, 6):
        line = trend_of(table[:seeds], arms=2)
        assert (line["comparison"], line["verdict"]) == ("a1 - a0", "reproduced")


def test_trend_with_a_missing_run_is_not_run_and_with_a_diverged_one_inconclusive():
    test = Claim("T", "", "", Trend("nmi", ("a0", "a1", "a2", "a3")))
    rows = along([[4.0, 3, 2, 1]] * 2)
    rows["nmi"] += rows["seed"] / 100
    hole = rows.assign(status=rows["status"].where(rows["arm"] != "a1", "missing"))
    assert judge(hole, [test])["verdict"].to_list() == ["not run"]
    broken = rows.copy()
    broken.loc[2, "status"] = "diverged"
    assert judge(broken, [test])["verdict"].to_list() == ["inconclusive"]
    assert judge(rows, [test])["verdict"].to_list() == ["reproduced"]


@given(st.permutations(range(5)))
@settings(deadline=None)
def test_trend_of_one_seed_equals_the_exact_permutation_test(order):
    """Against scipy's permutation test of Spearman's correlation, which enumerates them too."""
    from scipy.stats import permutation_test, spearmanr
    exact = permutation_test((list(order),), lambda x: spearmanr(range(5), x).statistic,
                             permutation_type="pairings", alternative="greater",
                             n_resamples=np.inf, vectorized=False)
    assert p_rising(np.array([order], float)) == pytest.approx(exact.pvalue)


def test_trend_without_effect_is_reproduced_in_at_most_5_percent():
    draws = np.random.default_rng(0)
    for seeds in (1, 3):
        found = [trend_of(draws.normal(size=(seeds, 4)))["verdict"] for _ in range(400)]
        assert found.count("reproduced") <= 0.05 * 400 + 2 * (400 * 0.05 * 0.95) ** 0.5


def range_of(values, bottom, top, from_one_seed=False):
    test = Range("nmi", (("a0", bottom, top),), from_one_seed)
    lines = judge(along([[value] for value in values]), [Claim("R", "", "", test)])
    return lines["verdict"].iloc[0]


@pytest.mark.parametrize(("values", "bounds", "expected"), [
    ([1.0, 1.1, 0.9], (0, 2), "reproduced"),
    ([1.0, 1.1, 0.9], (2, np.inf), "contradicted"),
    ([1.0, 1.1, 0.9], (1, 2), "inconclusive"),
    ([1.0], (0, 2), "not testable here"),
    ([5.0, 5.0], (5, 5), "reproduced"),
])
def test_range_verdicts(values, bounds, expected):
    assert range_of(values, *bounds) == expected


def test_deterministic_range_is_judged_from_one_seed():
    assert range_of([1.0], 0, 2, from_one_seed=True) == "reproduced"
    assert range_of([1.0], 2, 3, from_one_seed=True) == "contradicted"


def test_claim_on_an_unmeasured_statistic_is_not_run():
    """A claim in FID where the Inception weights are missing; its proxy has a row of its own."""
    rows = along([[1.0, 5.0], [1.1, 5.1]], fd_cifar10=1.0)
    claim = Claim("C17", "", "", Ordering("fid", ("a0",), ("a1",), at_least=0.8))
    assert judge(rows, [claim])["verdict"].iloc[0] == "not run"
    proxy = claim.by_proxy()
    assert (proxy.id, proxy.basis, proxy.test.at_least) == ("C17[fd_cifar10]", "proxy", 0)
    rows["fd_cifar10"] = rows["nmi"]
    assert judge(rows, [proxy])["verdict"].iloc[0] == "reproduced"
    rows["fid"] = rows["nmi"] / 10
    assert judge(rows, [claim])["verdict"].iloc[0] == "inconclusive"  # .4 is below .8


def test_equivalence_margin_is_at_least_the_spread_of_replicates():
    """C23b: the margin is .8 FID or the replicates' spread if wider; of a proxy, that alone."""
    a = [50.0, 54.0, 52.0, 48.0, 51.0]
    rows = rows_of({"a": a, "b": [value + 1.0 for value in a]}, epochs=2)
    rows = rows.assign(fid=rows["swd2_root"], fd_cifar10=rows["swd2_root"])
    item = Claim("C", "", "", Equivalence(("fid",), "a", "b", FID_NOISE, or_noise=True))
    strict = Claim("C", "", "", Equivalence(("fid",), "a", "b", FID_NOISE))
    proxy = item.by_proxy()
    assert (proxy.test.statistics, proxy.test.margin) == (("fd_cifar10",), 0.0)
    verdicts = [judge(rows, [each])["verdict"].iloc[0] for each in (item, strict, proxy)]
    assert verdicts == ["reproduced", "contradicted", "reproduced"]


@pytest.mark.parametrize(("other", "expected"), [
    ([1.0, 2.0, 3.0, 4.0, 6.0, 5.0], "reproduced"),
    ([6.0, 5.0, 3.0, 4.0, 2.0, 1.0], "contradicted"),
    ([1.0, 6.0, 2.0, 5.0, 3.0, 4.0], "inconclusive")])
def test_correlation_claim_equals_scipys_spearman_test(other, expected):
    """C30, against scipy's test of Spearman's correlation."""
    arms = tuple(f"a{k}" for k in range(6))
    rows = along([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    rows = rows.assign(parameters=rows["arm"].map(dict(zip(arms, other, strict=True))))
    item = Claim("C30", "", "", Tracking("nmi", ("parameters",), arms))
    line = judge(rows, [item]).iloc[0]
    rho = spearmanr(range(6), other).statistic
    assert (line["verdict"], line["estimate"], line["n"]) == (expected, pytest.approx(rho), 6)
    orders = [spearmanr(range(6), order).statistic for order in permutations(other)]
    p = np.mean(np.abs(orders) >= abs(rho) - 1e-9) / 2
    assert (p <= 0.05) == (expected != "inconclusive")
    twice = pd.concat([rows, rows[rows["arm"] == "a0"].assign(arm="again")])
    test = Tracking("nmi", ("parameters",), (*arms, "again"))
    assert judge(twice, [Claim("C30", "", "", test)])["n"].iloc[0] == 6
    assert judge(rows[rows["arm"] != "a3"], [item])["verdict"].iloc[0] == "not run"
    rows.loc[rows["arm"] == "a3", "status"] = "diverged"
    assert judge(rows, [item])["verdict"].iloc[0] == "inconclusive"


def test_correlation_claim_over_equal_runs_is_inconclusive():
    arms = tuple(f"a{k}" for k in range(6))
    rows = along([[1.0] * 6]).assign(parameters=2.0)
    line = judge(rows, [Claim("C30", "", "", Tracking("nmi", ("parameters",), arms))]).iloc[0]
    assert (line["verdict"], line["reason"]) == ("inconclusive", "all runs have one value")


def test_correlation_claim_adds_the_ranks_of_several_statistics():
    """Neither alone rises with the first: their units differ, so it is the ranks that add up."""
    arms = tuple(f"a{k}" for k in range(6))
    first, second = [1.0, 3.0, 2.0, 5.0, 4.0, 6.0], [40.0, 20.0, 60.0, 50.0, 95.0, 90.0]
    total = rankdata(first) + rankdata(second)
    rows = along([list(total)])
    rows = rows.assign(parameters=rows["arm"].map(dict(zip(arms, first, strict=True))),
                       fid=rows["arm"].map(dict(zip(arms, second, strict=True))))
    line = judge(rows, [Claim("C30", "", "", Tracking("nmi", ("parameters", "fid"), arms))]).iloc[0]
    assert line["estimate"] == pytest.approx(1.0)
    for alone in (first, second):
        assert spearmanr(alone, total).statistic < 1


def test_matched_arms_are_compared_pair_by_pair():
    rows = along([[1.0, 5.0, 2.0, 6.0], [1.1, 5.1, 2.1, 6.1]])
    matched = Ordering("nmi", ("a0", "a1"), ("a2", "a3"), matched=True)
    assert judge(rows, [Claim("M", "", "", matched)])["verdict"].iloc[0] == "reproduced"
    product = Ordering("nmi", ("a0", "a1"), ("a2", "a3"))
    assert judge(rows, [Claim("M", "", "", product)])["verdict"].iloc[0] == "contradicted"


def test_claim_about_absolute_numbers_is_not_tested_at_another_scale():
    claim = Claim("C18", "", "", Range("nmi", (("a0", 0, 2),), True), scales=("paper",))
    rows = along([[1.0]])
    for scale, expected in (("paper", "reproduced"), ("mini", "not testable here")):
        (line,) = judge(rows.assign(scale=scale), [claim]).query("role == 'verdict'").to_dict(
            "records")
        assert line["verdict"] == expected
    assert "paper scale" in line["reason"]


def test_trend_in_fid_must_exceed_the_papers_noise():
    """With one seed there is no spread to compare with; METHODS section 6 takes .8."""
    grid = ("a0", "a1", "a2", "a3")
    for values, expected in (([60.0, 59.99, 59.98, 59.97], "inconclusive"),
                             ([60.0, 59.0, 58.0, 57.0], "reproduced")):
        rows = along([values]).rename(columns={"nmi": "fid"})
        claim = Claim("C10", "", "", Trend("fid", grid, at_least=FID_NOISE))
        assert judge(rows, [claim])["verdict"].to_list() == [expected]


@pytest.mark.parametrize("seeds", [1, 3])
def test_distance_falling_at_every_epoch_is_reproduced(seeds):
    """C4: an interval around a correlation may reach below -1."""
    rows = pd.DataFrame([
        {"arm": "a0", "seed": seed, "epoch": epoch, "status": "done",
         "swd_image_std": 5000 - 100 * epoch + (150 if epoch == 10 * seed else 0)}
        for seed in range(seeds) for epoch in range(0, 101, 5)])
    bounds = Range("distance_trend", (("a0", -np.inf, -0.8),), True)
    verdicts = judge(rows, [Claim("C4", "", "", bounds)])["verdict"]
    assert verdicts.iloc[0] == "reproduced"
    few = rows[rows["epoch"].isin([0, 5, 10])]
    assert judge(few, [Claim("C4", "", "", bounds)])["verdict"].iloc[0] == "inconclusive"
