"""How often the verdicts are right: declared claims, at their artefacts' default seeds.

Noise is the paper's own: its ablations' default configuration is printed with two FIDs, 47.46 in
Table 4 and 46.68 in Table 5, so one run scatters by about .55.
"""

from dataclasses import fields
from math import log

import numpy as np
import pandas as pd
from paper_world import SD
import pytest

from benchmarks import ARTEFACTS, score_table, table1, table4, table5
from benchmarks.harness.analysis.verdicts import judge
from benchmarks.harness.spec.run import Run
from benchmarks.tuning import RIVALS, Choice

pytestmark = pytest.mark.slow
SIMULATED = 400
MOST = 0.05 + 2 * (0.05 * 0.95 / SIMULATED) ** 0.5  # 5 %, and the simulation's own error
MONOTONE, LINEAR = (f"C22[{part}][Appendix D]" for part in ("monotone", "linear"))
WITHOUT_A_DIFFERENCE = [
    ("fig1-synthetic", "C1[tau=0.05]"), ("fig1-synthetic", "C2[main]"), ("fig1-synthetic", "C3"),
    ("fig2-convergence", "C5[tau=0.05]"), ("fig2-convergence", "C6[gaussian]"),
    ("fig2-convergence", "C7[gaussian]"), ("fig2-convergence", "C8[gaussian]"),
    ("fig2-convergence", "C30"), ("fig3-isotropy", "C10[tau=0.05]"),
    ("fig4-latent-dim", "C11[tau=0.05]"), ("fig4-latent-dim", "C12[tau=0.05]"),
    ("fig8-reconstruction", "C21[test]"), ("fig9-input-size", MONOTONE),
    ("fig9-input-size", LINEAR), ("fig9-input-size", "C22b[Appendix D]"),
    ("fig10-temperature", "C24"),
    ("fig10-temperature", "C25"), ("fig10-temperature", "C26"), ("table1", "C15[tuned]"),
    ("table1", "C15[WAE-GAN][tuned]"), ("table1", "C16[CelebA]"), ("table1", "C19"),
    ("table2", "best[A1][tuned]"), ("table4", "C23"), ("table4", "C28[positive]"),
    ("table5", "C27[small]")]


@pytest.fixture(autouse=True)
def tuned(monkeypatch):
    """Every lambda has been chosen at the paper's scale."""
    monkeypatch.setattr(score_table, "choices", lambda name: {
        rival.label: Choice(3.0, "paper", "celeba" if name.startswith("table1") else "cifar10")
        for rival in RIVALS})


def claim_of(name, id):
    every = {one.id: one for claim in ARTEFACTS[name].claims("paper")
             for one in (claim, *claim.readings)}
    return every[id]


def wanted(test, arms):
    """The arms that a test speaks of, or whose panels it does."""
    text = repr(test)
    return [arm for arm in arms if f"'{arm.name}'" in text
            or any(f"'{panel}'" in text or f"'{panel.split('=')[0]}=*'" in text
                   for panel in arm.panels if ":" in text)]


class Simulation:
    """Rows for one claim, whose numbers are drawn anew each time."""

    def __init__(self, name, id, means=None, sd=SD, seeds=None):
        self.claim, artefact = claim_of(name, id), ARTEFACTS[name]
        arms = wanted(self.claim.test, artefact.arms("paper"))
        seeds = seeds or artefact.seeds["paper"]
        ends = (0, 80) if name == "fig1-synthetic" else (5,)
        self.rows = pd.DataFrame([
            {"scale": "paper", "arm": arm.name, "panel": "+".join(arm.panels), "status": "done",
             **{one.name: getattr(arm.run, one.name) for one in fields(Run)
                if one.name not in ("hyper", "snapshots")}, "seed": seed, "epoch": epoch}
            for arm in arms for seed in range(seeds) for epoch in ends])
        self.means = np.array([means(arm.run) if callable(means) else (means or {}).get(
            arm.name, 50.0) for arm in arms])
        self.shape, self.sd, self.draws = (len(arms), seeds, 1), sd, np.random.default_rng(0)
        self.epochs = len(ends)

    def numbers(self):
        """One per run: seeds share a part of their luck, replicates scatter by `sd`."""
        luck = self.draws.normal(0, self.sd / 2**0.5, (1, self.shape[1], 1)) + self.draws.normal(
            0, self.sd / 2**0.5, self.shape)
        return np.broadcast_to(self.means[:, None, None] + luck,
                               (*self.shape[:2], self.epochs)).ravel()

    def verdict(self):
        found = self.numbers()
        rows = self.rows.assign(
            fid=found, swd_image_std=found, train_reconstruction=found,
            test_reconstruction=np.exp(found) if "log_" in repr(self.claim.test) else found,
            nmi=found, knn10_accuracy=found, floor_root=1.0, swd2_root=np.exp(found))
        if self.claim.id == "C30":
            rows = rows.assign(test_reconstruction=self.numbers(), test_swd2_root=self.numbers(),
                               test_floor_root=1.0)
        return judge(rows, [self.claim])["verdict"].iloc[0]

    def shares(self):
        """Of the simulated artefacts that come out reproduced, and contradicted."""
        found = [self.verdict() for _ in range(SIMULATED)]
        return found.count("reproduced") / SIMULATED, found.count("contradicted") / SIMULATED


@pytest.mark.parametrize(("name", "id"), WITHOUT_A_DIFFERENCE, ids=" ".join)
def test_without_a_difference_neither_verdict_comes_out_in_more_than_5_percent(name, id):
    assert max(Simulation(name, id).shares()) <= MOST


def valley(best, steep):
    """FID by lambda, lowest at the best of each image size or dimension."""
    def score(run):
        at = best.get(run.image_size, best.get(run.dim))
        return 50 + steep * abs(log(run.lam / at, 10))
    return score


def needing(least):
    """FID that falls with lambda to where a dimension has enough, and is level from there."""
    return lambda run: 50 + 6 * max(0.0, log(least[run.dim] / run.lam, 10))


NARROW = {"K=5000": 52.0, "K=10000": 50.0, "K=30000": 51.0, "K=60000": 50.5, "K=120000": 55.0}
DIMS = (64, 128, 256, 512)


@pytest.mark.parametrize(("name", "id", "means", "sd", "truth"), [
    ("fig7-tsne", "C14[tau=0.99]", {"moca[tau=0.99]": 0.77, "svae": 0.8}, 0.008, "either"),
    ("fig7-tsne", "C14[alike,tau=0.99]", {"moca[tau=0.99]": 0.83, "svae": 0.8}, 0.008, "either"),
    ("fig8-reconstruction", "C21b[test]", {"moca[lam=6000]": 3 + log(1.05), "moca[lam=0]": 3.0},
     0.01, "either"),
    ("fig2-convergence", "C6[gaussian,absolute]",
     lambda run: 1800.0 if run.method == "moca" else 2300.0, 40.0, "either"),
    ("table1", "C13[final]", {"moca[A1]": 30.0, "moca[A2]": 30.0}, 0.3, "either"),
    ("table4", "C23b", {"m0=0.99": 50.8, "m0=0.999": 50.0}, SD, "either"),
    ("table5", "C27[stable]", NARROW, SD, "either"),
    ("fig9-input-size", MONOTONE, valley({32: 2000, 64: 2000, 256: 20_000}, 3), SD,
     "contradicted"),
    ("fig9-input-size", MONOTONE, valley({32: 1000, 64: 2000, 256: 5000}, 3), SD,
     "reproduced"),
    ("fig9-input-size", LINEAR, valley({32: 2000, 64: 2000, 256: 5000}, 3), SD,
     "contradicted"),
    ("fig9-input-size", LINEAR, valley({32: 200, 64: 1000, 256: 20_000}, 3), SD,
     "reproduced"),
    ("fig4-latent-dim", "C12[enough][tau=0.05]", needing(dict.fromkeys(DIMS, 10_000)), SD,
     "contradicted"),
    ("fig4-latent-dim", "C12[enough][tau=0.05]",
     needing({64: 3000, 128: 3000, 256: 10_000, 512: 30_000}), SD, "reproduced")],
    ids=lambda value: value if isinstance(value, str) else "")
def test_at_the_boundary_a_wrong_verdict_comes_out_in_at_most_5_percent(
        name, id, means, sd, truth):
    """On a margin neither verdict may come out more often; beside it, the wrong one."""
    reproduced, contradicted = Simulation(name, id, means, sd).shares()
    assert (reproduced if truth != "reproduced" else 0) <= MOST
    assert (contradicted if truth != "contradicted" else 0) <= MOST


FIDS = table1.RANKING.cited | {f"{name.removesuffix(']')},tuned]": fid
                               for name, fid in table1.RANKING.cited.items()}
OF_TABLE_2 = {"moca[A1]": 61.49, "moca[A2]": 54.36, "moca[A1,tuned]": 61.49,
              **{f"mmd {prior}[{a}]": 80.9 for prior in ("sphere", "gaussian")
                 for a in ("A1", "A2")}}


@pytest.mark.parametrize(("name", "id", "means"), [
    ("table1", "C15[WAE-GAN][tuned]", FIDS), ("table1", "C16[CelebA]", FIDS),
    ("table2", "C16", OF_TABLE_2), ("table2", "C17[A1,gaussian]", OF_TABLE_2),
    ("table2", "C17[A1,gaussian,tuned]", OF_TABLE_2),
    ("table4", "C23", table4.CITED), ("table5", "C27[small]", table5.CITED),
    ("table5", "C27[stable]", table5.CITED),
    ("table4", "C28[momentum]", table4.CITED),
    ("fig9-input-size", MONOTONE, valley({32: 100, 64: 2000, 256: 20_000}, 12)),
    ("fig9-input-size", LINEAR, valley({32: 100, 64: 2000, 256: 20_000}, 12))],
    ids=lambda value: value if isinstance(value, str) else "")
def test_effect_of_the_papers_size_is_reproduced_with_the_default_seeds(name, id, means):
    assert Simulation(name, id, means).shares()[0] >= 0.8


def test_papers_smallest_lead_needs_more_seeds_than_table_1_has():
    """C15, with CWAE 1.26 behind: three seeds see it in half of all cases, seven will do."""
    few, enough = (Simulation("table1", "C15[tuned]", FIDS, seeds=n).shares()[0] for n in (3, 7))
    assert few < 0.8 <= enough
