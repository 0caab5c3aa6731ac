"""Distances of codes to the prior over their floors, against scipy, geomloss and replicates."""

from dataclasses import replace
from functools import partial

from contract import generator
from geomloss import SamplesLoss
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance
import torch

from benchmarks.harness.measure import latent_metrics
from benchmarks.harness.measure.latent_metrics import (
    discrepancy,
    inverse_multiquadratic,
    matching_of,
)
from benchmarks.harness.spec.run import Run
from methods.mmd import imq_mmd
from methods.priors import PRIORS

RUN = Run("procedural-28", 64, "mlp3", "mmd", (), "1", dim=6, epochs=1, batch=8)
IMQ = partial(inverse_multiquadratic, base=2.0)


def pair(n, dim, prior="sphere", seed=0):
    draws = generator(seed)
    return [PRIORS[prior](dim).sample(n, draws).double() for _ in range(2)]


def test_energy_equals_scipys_means_over_pairs_and_geomlosss(monkeypatch):
    z, p = pair(40, 5, "gaussian")
    p = p + 0.5
    found = discrepancy(torch.neg, z, p).value
    means = [cdist(x, x).sum() / (40 * 39) for x in (z, p)]
    assert found == pytest.approx(2 * cdist(z, p).mean() - sum(means), rel=1e-12)
    by_geomloss = 2 * float(SamplesLoss("energy", backend="tensorized")(z, p))  # with j = i
    assert found == pytest.approx(by_geomloss - sum(means) / 40, rel=1e-4)  # its roots: +1e-8
    monkeypatch.setattr(latent_metrics, "ROWS", 7)
    assert discrepancy(torch.neg, z, p).value == pytest.approx(found, rel=1e-12)


def test_energy_in_one_dimension_equals_scipys_energy_distance():
    z, p = pair(50, 1, "gaussian")
    means = [cdist(x, x).sum() / (50 * 49) for x in (z, p)]
    expected = energy_distance(z[:, 0], p[:, 0]) ** 2 - sum(means) / 50
    assert discrepancy(torch.neg, z, p).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("prior", PRIORS)
def test_mmd_equals_the_penalty_of_wae_mmd(prior):
    z, p = pair(60, 8, prior)
    base = PRIORS[prior](8).mean_squared_distance
    found = discrepancy(partial(inverse_multiquadratic, base=base), z * 0.9, p).value
    assert found == pytest.approx(float(imq_mmd(z * 0.9, p, base)), rel=1e-9)


def test_floor_equals_that_of_the_u_centred_matrix():
    n = 12
    z, p = pair(n, 4)
    k = -cdist(p, p)
    rows, total = k.sum(1) / (n - 2), k.sum() / ((n - 1) * (n - 2))
    centred = k - rows[:, None] - rows + total
    np.fill_diagonal(centred, 0)
    variance = (centred**2).sum() / (n * (n - 3)) * 4 / n * (1 / (n - 1) + 1 / n)
    assert discrepancy(torch.neg, z, p).floor == pytest.approx(variance**0.5, rel=1e-9)


@pytest.mark.parametrize("kernel", [torch.neg, IMQ], ids=["energy", "mmd"])
@pytest.mark.parametrize("prior", PRIORS)
def test_floor_is_the_root_mean_square_between_two_prior_samples(prior, kernel):
    found = [discrepancy(kernel, *pair(50, 4, prior, seed)) for seed in range(200)]
    values, floors = np.transpose(found)
    assert abs(values.mean()) < 4 * values.std() / 200**0.5
    assert np.mean(values**2) ** 0.5 == pytest.approx(floors.mean(), rel=0.2)
    assert floors.std() < 0.1 * floors.mean()  # it is no matter of luck itself


@pytest.mark.parametrize("prior", PRIORS)
def test_matched_codes_score_about_one_floor_and_shifted_ones_many(prior):
    run, law, n = replace(RUN, prior=prior), PRIORS[prior](RUN.dim), 500
    columns = [f"latent_{name}_over_floor" for name in ("swd", "energy", "mmd")]
    matched = [matching_of(law.sample(n, generator(seed)), run, law) for seed in range(8)]
    assert set(matched[0]) == {*columns, "latent_swd", "latent_energy", "latent_mmd"}
    rms = {name: np.mean([found[name] ** 2 for found in matched]) ** 0.5 for name in columns}
    assert 0.8 < rms[columns[0]] < 1.25
    for name in columns[1:]:
        assert 0.3 < rms[name] < 2
    z = law.sample(n, generator(0))
    z[:, 0] += 0.5 * law.mean_squared_distance**0.5  # a mean where the prior has none
    apart = matching_of(law.constrain(z), run, law)
    assert apart[columns[0]] > 3
    assert min(apart[name] for name in columns[1:]) > 30
    again = matching_of(law.constrain(z), replace(run, lam=2.0, method="swd"), law)
    assert again == apart  # rivals of a seed are compared with the same draws
