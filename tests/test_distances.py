"""Frechet, kernel and manifold scores, and Figure 2's distance, against second implementations."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel
import torch

from benchmarks.harness.measure import feature_scores as kernel_distance_module
from benchmarks.harness.measure.feature_scores import (
    Gaussian,
    fit_gaussian,
    frechet_distance,
    kernel_distance,
    manifold_scores,
    radii,
    squared_mmd,
)
from benchmarks.harness.measure.image_swd import image_swd, pyramid
from benchmarks.harness.measure.latent_metrics import singular_values, spread_of
from methods.priors import Sphere


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def features(n, d, seed, shift=0.0, mix=True):
    """Rectified correlated features, as a network's last layer gives them."""
    x = torch.randn(n, d, generator=draws(seed), dtype=torch.float64)
    mixing = torch.randn(d, d, generator=draws(99), dtype=torch.float64) / d**0.5
    return (x @ mixing if mix else x).relu() + shift


def by_sqrtm(a, b):
    product = sqrtm(a.covariance.numpy() @ b.covariance.numpy())
    return float((a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace()
                 - 2 * np.trace(product.real))


@pytest.mark.parametrize("d", [3, 40, 160])
def test_frechet_distance_equals_scipys_matrix_root(d):
    a, b = fit_gaussian(features(2000, d, 0)), fit_gaussian(features(1500, d, 1, shift=0.3))
    assert frechet_distance(a, b) == pytest.approx(by_sqrtm(a, b), rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-9)


def test_gaussian_fit_equals_numpy_in_both_precisions():
    x = features(300, 7, 0)
    found = fit_gaussian(x)
    np.testing.assert_allclose(found.mean, x.numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(x.numpy(), rowvar=False), rtol=1e-9)
    far = fit_gaussian((x + 1000).float())  # single precision in, double inside
    np.testing.assert_allclose(far.covariance, found.covariance, atol=1e-4)
    with pytest.raises(ValueError, match="at least 2"):
        fit_gaussian(x[:1])


def test_frechet_distance_of_identical_sets_is_zero():
    for n, d in ((500, 64), (30, 64), (1000, 2)):
        a = fit_gaussian(features(n, d, 0))
        assert abs(frechet_distance(a, a)) < 1e-6 * float(a.covariance.trace())


def test_frechet_distance_with_equal_covariances_is_that_of_the_means():
    a = fit_gaussian(features(400, 20, 0))
    b = Gaussian(a.mean + 0.5, a.covariance)
    assert frechet_distance(a, b) == pytest.approx(20 * 0.25, rel=1e-6)


def test_frechet_distance_with_commuting_covariances_equals_the_closed_form():
    spread = torch.logspace(-6, 1, 50, dtype=torch.float64)
    a = Gaussian(torch.zeros(50).double(), torch.diag(spread))
    b = Gaussian(torch.zeros(50).double(), torch.diag(spread.flip(0)))
    expected = float((spread.sqrt() - spread.flip(0).sqrt()).square().sum())
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_with_rank_deficient_covariances_equals_the_closed_form():
    """Two planes in 64 dimensions share one axis: only it adds to the trace of the root."""
    d = 64
    a, b = (torch.zeros(d, d, dtype=torch.float64) for _ in range(2))
    a[0, 0], a[1, 1], b[0, 0], b[2, 2] = 4.0, 9.0, 1.0, 25.0
    turn = torch.linalg.qr(torch.randn(d, d, generator=draws(), dtype=torch.float64)).Q
    zero = torch.zeros(d, dtype=torch.float64)
    turned = (Gaussian(zero, turn @ covariance @ turn.T) for covariance in (a, b))
    distance = frechet_distance(*turned)
    assert distance == pytest.approx((4 + 9) + (1 + 25) - 2 * (2 * 1), rel=1e-6)


def test_frechet_distance_with_fewer_points_than_dimensions_is_finite():
    """The trace equals the nuclear norm of the product of the centred features."""
    x, y = features(40, 200, 0), features(50, 200, 1)
    centred = [(z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in (x, y)]
    shared = torch.linalg.matrix_norm(centred[0] @ centred[1].T, "nuc")
    expected = float((x.mean(0) - y.mean(0)).square().sum() + fit_gaussian(x).covariance.trace()
                     + fit_gaussian(y).covariance.trace() - 2 * shared)
    assert frechet_distance(fit_gaussian(x), fit_gaussian(y)) == pytest.approx(expected, rel=1e-6)


def test_kernel_distance_equals_the_unbiased_polynomial_mmd():
    x, y = features(50, 8, 0), features(50, 8, 1, shift=0.2)
    kernels = [polynomial_kernel(*pair, degree=3) for pair in ((x, x), (y, y), (x, y))]
    within = sum((k.sum() - np.trace(k)) / (50 * 49) for k in kernels[:2])
    assert float(squared_mmd(x, y)) == pytest.approx(within - 2 * kernels[2].mean(), rel=1e-9)


def test_kernel_distance_has_mean_zero_and_grows_with_a_shift(monkeypatch):
    monkeypatch.setattr(kernel_distance_module, "SUBSETS", 8)
    values = [float(squared_mmd(features(100, 8, 2 * k), features(100, 8, 2 * k + 1)))
              for k in range(60)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 60**0.5
    real = features(1500, 8, 0)
    scores = [kernel_distance(real, features(1200, 8, 1, shift), draws())[0]
              for shift in (0.0, 0.1, 0.3, 1.0)]
    assert scores == sorted(scores)
    assert kernel_distance(real, real, draws()) == kernel_distance(real, real, draws())


def naive_scores(real, made, k):
    """The definitions, point by point."""
    def distances(a, b):
        return ((a[:, None] - b[None]) ** 2).sum(-1) ** 0.5

    own, theirs = (np.sort(distances(x, x), 1)[:, k] for x in (real, made))
    between = distances(real, made)
    return {
        "precision": np.mean([(between[:, j] <= own).any() for j in range(len(made))]),
        "recall": np.mean([(between[i] <= theirs).any() for i in range(len(real))]),
        "density": sum((between[:, j] <= own).sum() for j in range(len(made))) / (k * len(made)),
        "coverage": np.mean([between[i].min() <= own[i] for i in range(len(real))]),
    }


@pytest.mark.parametrize("k", [1, 5])
def test_manifold_scores_equal_their_definitions(k, monkeypatch):
    from benchmarks.harness.measure import feature_scores
    monkeypatch.setattr(feature_scores, "CHUNK", 37)
    real, made = features(120, 6, 0), features(90, 6, 1, shift=0.2)
    expected = naive_scores(real.numpy(), made.numpy(), k)
    assert manifold_scores(real=real, made=made, k=k) == pytest.approx(expected)


def test_manifold_scores_of_a_collapsed_generator_show_the_argument_order():
    """Every sample is the same good image: high precision, but no recall and no coverage."""
    real = features(300, 6, 0)
    collapsed = real[:1] + 1e-3 * torch.randn(300, 6, generator=draws(), dtype=torch.float64)
    scores = manifold_scores(real=real, made=collapsed)
    assert scores["precision"] == 1.0
    assert scores["recall"] < 0.05
    assert scores["coverage"] < 0.05
    turned = manifold_scores(real=collapsed, made=real)
    assert turned["precision"] < 0.05
    assert turned["recall"] == 1.0


def test_manifold_radii_exclude_the_point_itself():
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert radii(line, 1).tolist() == [1, 1, 2, 4]
    assert radii(line, 2).tolist() == [3, 2, 3, 6]


def photographs(n, seed, size=32):
    x = torch.rand(n, 3, size // 4, size // 4, generator=draws(seed))
    return torch.nn.functional.interpolate(x, size=(size, size), mode="bilinear")


def test_image_swd_with_std_scaling_is_root_147_times_unit():
    a, b = photographs(60, 0), photographs(60, 1)
    found = image_swd(a, b, draws())
    assert found["std"] / found["unit"] == pytest.approx(147**0.5, rel=0.01)


def test_image_swd_of_one_level_equals_scipy_on_projected_patches():
    from scipy.stats import wasserstein_distance
    a, b = photographs(20, 0, 16), photographs(20, 1, 16)
    same = draws()
    places = torch.randperm(100, generator=same)
    directions = torch.cat([torch.randn(147, 128, generator=same) for _ in range(4)], dim=1)
    sets = []
    for images in (a, b):
        patches = torch.nn.functional.unfold(images, 7).transpose(1, 2)[:, places]
        patches = patches.reshape(-1, 3, 49)
        spread, mean = torch.std_mean(patches, dim=(0, 2), keepdim=True)
        sets.append(((patches - mean) / spread).flatten(1).double())
    few = list(range(0, 512, 8))
    for kind, scale in (("std", directions.std(0)), ("unit", directions.norm(dim=0))):
        units = (directions / scale).double()
        oracle = [wasserstein_distance(*((points @ units[:, k]).numpy() for points in sets))
                  for k in few]
        assert image_swd(a, b, draws())[kind] == pytest.approx(1000 * np.mean(oracle), rel=0.05)


def test_image_swd_of_equal_sets_is_zero_in_any_order():
    a, b = photographs(30, 0), photographs(30, 1)
    assert image_swd(a, a, draws()) == {"std": 0, "unit": 0}
    assert image_swd(a, a.flip(0), draws()) == pytest.approx({"std": 0, "unit": 0}, abs=0.1)
    assert image_swd(a, b, draws()) == pytest.approx(image_swd(b, a, draws()))


@pytest.mark.parametrize("size", [32, 64])
def test_laplacian_pyramid_is_invertible_and_ends_at_16_pixels(size):
    images = photographs(4, 0, size)
    levels = pyramid(images)
    assert [level.shape[2] for level in levels] == ([32, 16] if size == 32 else [64, 32, 16])
    from benchmarks.harness.measure.image_swd import _blur
    again = levels[-1]
    for level in reversed(levels[:-1]):
        again = level + _blur(torch.nn.functional.interpolate(again, scale_factor=2))
    torch.testing.assert_close(again, images)


def test_image_swd_refuses_other_value_ranges_and_unequal_counts():
    a = photographs(8, 0)
    with pytest.raises(ValueError, match=r"pixels in \[0, 1\]"):
        image_swd(a, 2 * a - 1, draws())
    with pytest.raises(ValueError, match="two sets of N x 3"):
        image_swd(a, a[:4], draws())
    with pytest.raises(ValueError, match="two sets of N x 3"):
        image_swd(a[:, :1], a[:, :1], draws())


def test_isotropy_of_uniform_codes_equals_its_floor():
    """METHODS section 3: n = 10000, d = 128: condition 1.24, CV .057, effective rank 127.2."""
    z = Sphere(128).sample(10_000, draws())
    found = spread_of(z)
    assert found["sv_condition"] == pytest.approx(1.24, abs=0.03)
    assert found["sv_cv"] == pytest.approx(0.057, abs=0.003)
    assert found["effective_rank"] == pytest.approx(127.2, abs=0.2)
    assert float(singular_values(z).mean()) == pytest.approx(1, abs=0.01)


def test_effective_rank_of_codes_equals_the_dimension_of_their_subspace():
    z = torch.zeros(500, 16)
    z[:, :4] = torch.linalg.qr(torch.randn(500, 4, generator=draws())).Q
    assert spread_of(z)["effective_rank"] == pytest.approx(4, abs=1e-3)
    assert spread_of(z)["sv_cv"] == pytest.approx(3**0.5, rel=1e-3)  # 4 ones and 12 zeros
