"""The speed measurements: turns, ratios, bytes, claim C31, the whole command."""

import json
import statistics

from busy import work_of
import pandas as pd
import pytest
import torch

from benchmarks.harness.analysis.verdicts import COLUMNS
from benchmarks.harness.command import main
from benchmarks.speed import cases as speed_cases
from benchmarks.speed import command, negatives
from benchmarks.speed.cases import Case, measured
from benchmarks.speed.command import HEADER
from benchmarks.speed.negatives import DIRECT, GROUP, QUEUE, saved, verdicts

TIMES = {"fast": [9.0, 1.0, 3.0, 2.0], "slow": [9.0, 4.0, 8.0, 6.0], "alone": [1.0] * 4}


def test_timed_cases_take_turns_and_are_compared_with_the_first(monkeypatch, capsys):
    """The first round is a warm-up; one call of `slow` counts two units."""
    clock, order = [0.0], []
    left = {name: list(times) for name, times in TIMES.items()}

    def call(name):
        order.append(name)
        clock[0] += left[name].pop(0)

    monkeypatch.setattr(speed_cases.time, "perf_counter", lambda: clock[0])
    cases = [Case("g", "what", "fast", lambda: call("fast")),
             Case("g", "what", "slow", lambda: call("slow"), share=2),
             Case("g", "other", "alone", lambda: call("alone"))]
    fast, slow, _ = measured(cases, 3, "cpu")
    assert order == ["fast", "slow", "alone"] * 4
    assert (fast["median"], slow["median"]) == (2000.0, 3000.0)
    assert (fast["relative"], slow["relative"]) == (1.0, 1.5)
    low, _, high = statistics.quantiles([2.0, 4.0, 3.0], n=4, method="inclusive")
    assert (slow["low"], slow["high"], slow["n"]) == (low * 1000, high * 1000, 3)
    assert "what: slow: 3e+03 ms" in capsys.readouterr().out


def test_saved_tensors_are_counted_once_in_bytes():
    x = torch.randn(10, 20, requires_grad=True)
    weight = torch.randn(20, 30, requires_grad=True)
    assert saved(lambda: (x @ weight).sum()) == 4 * (10 * 20 + 20 * 30)
    assert saved(lambda: (x * x).sum()) == 4 * 10 * 20
    assert saved(lambda: x.sum()) == 0
    assert saved(lambda: (x @ weight).sum(), [weight]) == 4 * 10 * 20


def row(K, who, low, median, high):
    return {"group": GROUP, "what": f"regularizer of an A2 step, K = {K}", "who": who,
            "low": low, "median": median, "high": high}


@pytest.mark.parametrize(("direct", "expected"), [
    ((20.0, 22.0, 25.0), "reproduced"), ((1.0, 2.0, 3.0), "contradicted"),
    ((10.5, 14.0, 15.0), "inconclusive")])
def test_c31_verdict_needs_separate_quartiles_at_every_k_above_the_batch(direct, expected):
    rows = [row(64, QUEUE, 9, 10, 11), row(64, DIRECT, 0, 0, 0),  # no image is encoded again
            row(128, QUEUE, 9.0, 10.0, 11.0), row(128, DIRECT, *direct)]
    in_time, in_memory = verdicts(rows)
    assert (in_time["claim"], in_time["verdict"], in_time["n"]) == ("C31[time]", expected, 1)
    assert in_time["estimate"] == pytest.approx(direct[1] / 10)
    assert in_memory["verdict"] == "not run"


def test_memory_grows_with_reencoded_images_but_hardly_with_a_queue():
    from benchmarks.speed.cases import SIZES
    rows = negatives.memory(SIZES["smoke"], "cpu")
    found = {(each["what"].rpartition(" ")[2], each["who"]): each["median"] for each in rows}
    assert found["128", DIRECT] > 20 * found["64", DIRECT]
    assert found["128", QUEUE] < 1.2 * found["64", QUEUE]
    (_, in_memory) = verdicts(rows)
    assert in_memory["verdict"] == "reproduced"


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    place = tmp_path_factory.mktemp("speed")
    words = ["speed", "--scale", "smoke", "--cache-dir", str(place)]
    status = []
    work = work_of(lambda: status.append(main.main(words)))
    assert status == [0]
    assert work < 2500
    folder, = (place / "smoke" / "speed").iterdir()  # the folder of this processor
    return folder


def test_speed_times_every_case_with_its_rivals(smoke):
    data = pd.read_csv(smoke / "data.csv")
    assert list(data.columns) == HEADER
    assert (data["median"] > 0).all()
    timed = data[data["unit"] == "ms"]
    assert ((timed["low"] <= timed["median"]) & (timed["median"] <= timed["high"])).all()
    first = timed.groupby("what").head(1)
    assert (first["relative"] == 1).all()
    rivals = " ".join(timed["who"])
    for name in ("pythae", "POT", "geomloss", "scipy", "pytorch-fid", "torch-fidelity", "bf16"):
        assert name in rivals
    assert {"training step", "beside pythae", "regularizer in the step", "regularizer alone",
            "distance", "sampling", "evaluation", GROUP, "memory"} <= {*data["group"]}


def test_speed_folder_names_the_processor(smoke):
    claims = pd.read_csv(smoke / "claims.csv")
    assert list(claims.columns) == COLUMNS
    assert list(claims["claim"]) == ["C31[time]", "C31[memory]"]
    provenance = json.loads((smoke / "provenance.json").read_text())
    assert provenance["processor"]
    assert command.machine("cpu") == smoke.name
    assert provenance["threads"] >= 1
    assert provenance["device"] == "cpu"
    assert (smoke / "figure.png").stat().st_size > 20_000


@pytest.mark.parametrize(("model", "name"), [
    ("AMD EPYC", "amd-epyc"), ("Intel(R) Core(TM) i7 @ 2.80GHz", "intel-core-i7-2-80ghz"),
    ("", "cpu")])
def test_speed_keeps_the_times_of_each_processor_apart(model, name, monkeypatch):
    monkeypatch.setattr(command.provenance, "environment", lambda: {"processor": model})
    assert command.machine("cpu") == name


def test_speed_command_refuses_artefact_names(capsys):
    assert main.main(["speed", "fig1"]) == 2
    assert "speed takes no names" in capsys.readouterr().err


def test_speed_without_rivals_says_what_to_install(monkeypatch, capsys, tmp_path):
    def missing(*arguments):
        raise ImportError("No module named 'pythae'")

    monkeypatch.setattr(command.training_step, "beside_pythae", missing)
    for part, name in ((command.training_step, "paths"), (command.training_step, "regularizers"),
                       (command.regularizers, "alone"), (command.evaluation, "distances"),
                       (command.evaluation, "whole")):
        monkeypatch.setattr(part, name, lambda *arguments: [
            Case("training step", "nothing", "nobody", lambda: None)])
    words = ["speed", "--scale", "smoke", "--cache-dir", str(tmp_path)]
    assert main.main(words) == 1
    assert "pip install -e '.[bench]'" in capsys.readouterr().out.splitlines()[-1]
