"""Verdicts against scipy's paired t-test and on tables whose truth is known."""

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from benchmarks.harness.claims import below, compare, judge
from benchmarks.harness.errors import UsageError
from benchmarks.harness.intervals import summary, t_interval
from benchmarks.harness.spec import Claim, Equivalence, Ordering
from benchmarks.harness.statistics import (
    STATISTICS,
    auc_log_swd,
    epochs_to_twice_floor,
    final_swd,
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


def test_interval_is_scipys():
    values = [1.0, 2.0, 4.0, 4.5]
    expected = ttest_rel(values, np.zeros(4)).confidence_interval(0.95)
    assert t_interval(values)[1:] == pytest.approx((expected.low, expected.high))
    assert np.isnan(t_interval([1.0])[1])
    table = summary(pd.DataFrame({"g": 1, "v": values}), ["g"], ["v"]).iloc[0]
    assert table["n"] == 4
    assert (table["v_low"], table["v_high"]) == pytest.approx((expected.low, expected.high))
    assert table["v_std"] == pytest.approx(np.std(values, ddof=1))


def test_comparison_is_the_paired_t_test():
    rows = rows_of(CLEAR)
    part = compare(rows, "low", "same", "final_swd", 0.95, below)
    expected = ttest_rel(CLEAR["low"], CLEAR["same"]).confidence_interval(0.95)
    assert (part.low, part.high) == pytest.approx((expected.low, expected.high))
    assert part.noise == pytest.approx(np.std(CLEAR["low"], ddof=1))
    turned = compare(rows, "same", "low", "final_swd", 0.95, below)
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
def test_verdicts(lower, higher, quantifier, expected):
    line = verdict(rows_of(CLEAR), lower, higher, quantifier)
    assert line["verdict"] == expected


def test_a_difference_within_replicate_noise_is_inconclusive():
    """The pairs differ by a constant, so the interval is a point; yet the spread is larger."""
    spread = [1.0, 2.0, 3.0, 4.0, 5.0]
    rows = rows_of({"a": spread, "b": [v + 0.5 + 1e-6 * k for k, v in enumerate(spread)]})
    part = compare(rows, "a", "b", "final_swd", 0.95, below)
    assert part.high < 0
    assert part.verdict == "inconclusive"


def test_one_seed_concludes_nothing():
    assert verdict(rows_of({"a": [1.0], "b": [9.0]}), ("a",), ("b",))["verdict"] == "inconclusive"


def test_a_diverged_run_concludes_nothing_but_is_counted_out():
    rows = rows_of(CLEAR)
    rows.loc[(rows["arm"] == "high") & (rows["seed"] == 2), "status"] = "diverged"
    line = verdict(rows, ("low",), ("high",))
    assert (line["verdict"], line["n"]) == ("inconclusive", 4)


def test_failed_runs_are_no_pairs():
    rows = rows_of(CLEAR)
    rows.loc[rows["seed"] == 1, "status"] = "failed"
    assert verdict(rows, ("low",), ("high",))["n"] == 4


def test_looking_at_several_widens_the_intervals():
    rows = rows_of(CLEAR)
    lines = judge(rows, [claim(("low", "same"), ("high",), "any"), claim(("low",), ("high",))])
    part = lines[lines["role"] == "part"].iloc[0]
    expected = ttest_rel(CLEAR["low"], CLEAR["high"]).confidence_interval(1 - 0.05 / 2)
    assert (part["low"], part["high"]) == pytest.approx((expected.low, expected.high))


def test_reported_beside_is_not_judged():
    lines = judge(rows_of(CLEAR), [claim(("low",), ("high",), beside=("epochs_to_twice_floor",))])
    assert lines["role"].to_list() == ["verdict", "part", "beside"]
    assert lines["verdict"].isna().to_list() == [False, False, True]


def test_statistics_on_known_curves():
    curve = pd.DataFrame({"epoch": [0, 1, 2, 4], "floor_root": 1.0,
                          "swd2_root": np.exp([3.0, 1.0, 0.5, 0.5])})
    # trapezoids: 2 + .75 + 1, over 4 epochs
    assert auc_log_swd(curve) == pytest.approx(3.75 / 4)
    assert final_swd(curve) == pytest.approx(np.exp(0.5))
    assert epochs_to_twice_floor(curve) == 2
    assert epochs_to_twice_floor(curve.assign(floor_root=0.1)) == 5  # censored
    assert auc_log_swd(curve.assign(floor_root=curve["swd2_root"])) == 0
    with pytest.raises(UsageError, match="auc_log_swd"):
        compare(rows_of(CLEAR), "low", "high", "auc_log_sdw", 0.95, below)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)), min_size=2, max_size=8))
def test_turning_a_comparison_round_turns_its_verdict(pairs):
    rows = rows_of({"a": [p[0] for p in pairs], "b": [p[1] for p in pairs]}, epochs=2)
    there, back = (compare(rows, *arms, "final_swd", 0.95, below)
                   for arms in (("a", "b"), ("b", "a")))
    turned = {"reproduced": "contradicted", "contradicted": "reproduced",
              "inconclusive": "inconclusive"}
    assert back.verdict == turned[there.verdict]
    assert back.estimate == pytest.approx(-there.estimate)


def test_registry_of_statistics_is_what_the_claims_ask_for():
    from benchmarks import ARTEFACTS
    for artefact in ARTEFACTS.values():
        arms = {arm.name for arm in artefact.arms("paper")}
        for item in artefact.claims:
            test = item.test
            if isinstance(test, Equivalence):
                assert {*test.statistics} <= set(STATISTICS)
                assert {test.arm, test.other} <= arms
                continue
            assert {test.statistic, *test.beside} <= set(STATISTICS)
            assert {*test.lower, *test.higher} <= arms


def test_the_verdict_row_is_the_comparison_that_decides():
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
def test_equivalence_wants_the_whole_interval_inside_the_margin(shift, wobble, expected):
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


def test_equivalence_with_one_seed_or_a_divergence_or_no_rival_concludes_nothing():
    rows = rows_of({"a": ONE, "b": ONE}, epochs=2).assign(knn10_accuracy=0.9)

    def verdict_of(rows):
        item = Claim("C", "text", "place", Equivalence(("knn10_accuracy",), "a", "b", 0.03))
        return judge(rows, [item])["verdict"].iloc[0]

    assert verdict_of(rows) == "reproduced"
    assert verdict_of(rows[rows["seed"] == 0]) == "inconclusive"
    assert verdict_of(rows[rows["arm"] == "a"]) == "not run"
    rows.loc[(rows["arm"] == "b") & (rows["seed"] == 1), "status"] = "diverged"
    assert verdict_of(rows) == "inconclusive"
