"""The paper's own world comes out reproduced; turned, contradicted; without a difference, neither.

Rows: `paper_world`. A claim that cannot come out so has its reason here."""

from argparse import Namespace
import csv
from functools import partial

from paper_world import DESCRIBED, NAMES, NO_DIFFERENCE, TURNED, World
import pytest

from benchmarks import ARTEFACTS, score_table
from benchmarks.derived_claims import PARTS
from benchmarks.harness.analysis.derived_verdicts import conclusions
from benchmarks.harness.analysis.verdicts import judge
from benchmarks.harness.command import sweep
from benchmarks.harness.results.read import judged_claims
from benchmarks.harness.spec.selection import select
from benchmarks.harness.store.run_folder import Store
from benchmarks.tuning import RIVALS, Choice

PAPER = {  # the claims of the paper that runs decide
    "C1", "C2", "C3", "C4", "C5", "C6", "C6[absolute]", "C7", "C7[gaussian,lam=0]", "C8", "C9",
    "C10", "C11", "C12[enough]", "C13[epoch]", "C13[final]", "C14", "C15", "C15[WAE-GAN]", "C16",
    "C16[CelebA]", "C17", "C19", "C20", "C21", "C21b", "C22[monotone]", "C22[linear]", "C22b",
    "C23", "C24", "C25", "C26", "C27[small]", "C27[stable]", "C28[positive]", "C28[momentum]",
    "C30", "C34", "C35"}
OURS = {"C12", "C14[alike]", "C6b[gaussian]", "C28[positive]", "C28[momentum]", "best[A1]",
        "best[A2]", "C23b", "C18", "C18[CelebA]"}
WITHOUT_A_TEST = {"C32", "C7[sphere,lam=0]", "C6b[sphere]"}
COUNTS = {"C18", "C18[CelebA]", "C34", "C35"}  # facts, the same in every world
# MoCA's lead of 1.26 over CWAE, and a margin as small as replicates' spread, want more seeds
WANT_SEEDS = {"C15", "C23b"}
OF_ONE_MODEL = {"C13[epoch]", "C13[final]"}  # no comparison, so there is nothing to turn
# equal is what they say
EQUIVALENCES = {"C14", "C14[alike]", "C21b", "C23b", "C27[stable]"}
# equal is not what they say: absolute numbers, falling curves, more of something needed
FALSE_IF_EQUAL = {"C4", "C6[absolute]", "C12[enough]"}


@pytest.fixture
def tuned(monkeypatch):
    """Every lambda has been chosen at the paper's scale."""
    monkeypatch.setattr(score_table, "choices", lambda name: {
        rival.label: Choice(3.0, "paper", "celeba" if name.startswith("table1") else "cifar10")
        for rival in RIVALS})


def judged(world):
    """The claims of every artefact, each judged beside the others' results."""
    rows = {name: world.rows(name) for name in NAMES}

    def beside(name):
        return {other: of for other, of in rows.items() if other != name}
    return {name: judged_claims(judge(of, ARTEFACTS[name].claims("paper"), partial(beside, name))
                                .to_dict("records")) for name, of in rows.items()}


def derived(artefacts):
    readings = {claim.row["claim"]: {row["claim"]: row["verdict"]
                                     for row in claim.readings or [claim.row]}
                for claims in artefacts.values() for claim in claims
                if claim.row["basis"] == "paper"}
    return {each.id: each.verdict for each in conclusions(readings, PARTS)}


def stem(id):
    return id.replace("[fd_cifar10]", "")


def lacks_noise(name, row):
    """The stand-in of a grid of one seed, on data that no other artefact has replicates of."""
    return name == "fig9-input-size" and row["basis"] == "proxy"


def others(artefacts, verdict, but):
    """Verdicts other than this one, of claims and their readings, but for those claims."""
    return {row["claim"]: (row["verdict"], row["comparison"], row["reason"])
            for name, claims in artefacts.items() for claim in claims
            if stem(claim.row["claim"]) not in WITHOUT_A_TEST | COUNTS | but
            for row in (claim.row, *claim.readings)
            if row["verdict"] != verdict and not lacks_noise(name, row)}


def test_world_as_described_is_reproduced(tuned):
    found = judged(World(DESCRIBED))
    assert others(found, "reproduced", WANT_SEEDS) == {}
    assert derived(found) == {"C33[faster]": "reproduced", "C33[stable]": "reproduced"}
    basis = {(claim.row["claim"], claim.row["basis"]) for claims in found.values()
             for claim in claims if claim.row["claim"] not in WITHOUT_A_TEST}
    proxies = {id for id, of in basis if of == "proxy"}
    assert basis - {(id, "proxy") for id in proxies} == {(id, "paper") for id in PAPER} | {
        (id, "ours") for id in OURS}
    assert all(id.endswith("[fd_cifar10]") and stem(id) in PAPER | OURS for id in proxies)
    unsure = {row["claim"]: row["verdict"] for claims in found.values() for claim in claims
              for row in (claim.row, *claim.readings) if stem(claim.row["claim"]) in WANT_SEEDS}
    assert set(unsure.values()) <= {"reproduced", "inconclusive", "depends on the reading"}
    assert {row["verdict"] for claim in found["fig9-input-size"] for row in (claim.row,)
            if claim.row["basis"] == "proxy"} == {"not testable here"}


def test_papers_smallest_lead_is_reproduced_with_seven_seeds(tuned):
    """C15: MoCA's FID is 1.26 below CWAE's; `test_calibration` says how often seven will do."""
    rows = World(DESCRIBED, seeds={"table1": 7}).rows("table1")
    claims = [claim for claim in ARTEFACTS["table1"].claims("paper") if stem(claim.id) == "C15"]
    assert {*judge(rows, claims)["verdict"]} == {"reproduced"}


def test_world_with_turned_signs_is_contradicted(tuned):
    found = judged(World(TURNED))
    assert others(found, "contradicted", OF_ONE_MODEL | {"C23b"}) == {}
    assert set(derived(found).values()) == {"contradicted"}


def test_world_without_a_difference_is_inconclusive(tuned):
    found = judged(World(NO_DIFFERENCE))
    told = others(found, "inconclusive", OF_ONE_MODEL | EQUIVALENCES | FALSE_IF_EQUAL)
    assert told == {}
    verdicts = {claim.row["claim"]: claim.row["verdict"]
                for claims in found.values() for claim in claims}
    assert {verdicts[id] for id in FALSE_IF_EQUAL - {"C4"}} == {"contradicted"}
    assert verdicts["C4"] != "reproduced"  # flat curves of a few runs may fall by chance
    assert {verdicts[id] for id in EQUIVALENCES - WANT_SEEDS - {"C21b"}} == {"reproduced"}
    assert verdicts["C21b"] != "contradicted"  # one percent of noise against a margin of five
    assert set(derived(found).values()) == {"inconclusive"}


def test_artefacts_of_one_sweep_are_judged_again_at_its_end(monkeypatch, place):
    """Figure 10, of one seed, is published before Table 4, whose replicates tell its noise."""
    world, names = World(), ("fig10-temperature", "table4")
    for name in names:
        folder = place.results / name
        folder.mkdir(parents=True)
        world.rows(name).to_csv(folder / "runs.csv", index=False)
        for table in ("data.csv", "claims.csv"):
            (folder / table).write_text("old\n")
    monkeypatch.setattr(sweep.Sweep, "check", lambda self: None)
    monkeypatch.setattr(sweep.Sweep, "run", lambda self: 0)  # it would train
    options = Namespace(cluster="debug", redraw=False, reuse=False, results_dir=place.results,
                        cache_dir=place.cache)
    assert sweep.run([select(ARTEFACTS[name], "paper", None, None, ()) for name in names],
                     Store(place.cache / "runs"), options) == 0
    told = {row["claim"]: row for row in csv.DictReader(
        (place.results / names[0] / "claims.csv").read_text().splitlines())}
    assert "replicates of 4 arms of table4" in told["C26[fd_cifar10]"]["reason"]
    assert told["C26[fd_cifar10]"]["verdict"] == "reproduced"


def test_without_a_chosen_lambda_tables_1_and_2_say_what_is_missing():
    """The committed choice is of mini scale."""
    for name in ("table1", "table2"):
        claims = judged_claims(judge(World().rows(name), ARTEFACTS[name].claims("paper")).to_dict(
            "records"))
        told = {claim.row["claim"]: claim.row for claim in claims}
        for id in ("C15", "C15[fd_cifar10]") if name == "table1" else ("C17", "best[A1]"):
            assert told[id]["verdict"] == "not testable here"
            assert "lambda chosen at mini scale on cifar10" in told[id]["reason"]
