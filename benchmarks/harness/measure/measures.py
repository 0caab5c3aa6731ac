"""Measures of a trained model, by name."""

from collections.abc import Callable
from functools import partial

from sklearn.cluster import KMeans
from sklearn.manifold import TSNE
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
import torch
from torch import Tensor

from benchmarks.harness.data.datasets import to_float
from benchmarks.harness.measure import features, image_grids, latent_metrics
from benchmarks.harness.measure.feature_scores import (
    SCORE_NAMES,
    as_8_bits,
    feature_scores,
    fit_gaussian,
    frechet_distance,
)
from benchmarks.harness.measure.image_grids import tiles
from benchmarks.harness.measure.image_swd import image_swd
from benchmarks.harness.measure.latent_metrics import LatentSWD, matching_of
from benchmarks.harness.measure.mixture import mixture_samples
from benchmarks.harness.measure.regularizer_cost import regularizer_cost
from benchmarks.harness.measure.trained_model import (
    POINTS_AT_ONCE,
    MeasureResult,
    TrainedModel,
    in_chunks,
    measured_on,
)

SWD_DRAWS = 2  # random seeds of Figure 2's distance (METHODS section 3)


def pictures(trained: TrainedModel) -> MeasureResult:
    """The PNG files of `tiles` for the n test images."""
    shown = tiles(trained.run, to_float(trained.test.x), trained.codes, trained.decode)
    return MeasureResult({}, shown)


def distances(trained: TrainedModel) -> MeasureResult:
    """`swd_image_std`, the paper's normalisation, and `swd_image_unit`: means over two draws.

    Grey images count as three equal channels, as for the feature extractors below."""
    made = trained.samples.clamp(0, 1)
    real, made = (images.to(made.device).expand(-1, 3, -1, -1)
                  for images in (to_float(trained.test.x), made))
    draws = trained.draws("evaluation")
    found = [image_swd(real, made, draws) for _ in range(SWD_DRAWS)]
    return MeasureResult({f"swd_image_{kind}": sum(values[kind] for values in found) / SWD_DRAWS
                     for kind in found[0]}, {})


def _by_classifier(name: str, trained: TrainedModel) -> Callable[[Tensor], Tensor]:
    """The features of the suite's own classifier; its distances are not the FID."""
    network = features.shipped_classifier(name).to(trained.device)
    return lambda x: in_chunks(
        lambda part: network.features_of_any(to_float(part.to(trained.device))), x,
        trained.at_once)


def _by_inception(trained: TrainedModel) -> Callable[[Tensor], Tensor]:
    """The features of Inception-2015."""
    network = features.inception_network(trained.weights, trained.device)
    return lambda x: features.inception_features(network, x, trained.device)


# extractor -> features (n, d) of 8-bit images
EXTRACTORS: dict[str, Callable[[TrainedModel], Callable[[Tensor], Tensor]]] = {
    "inception": _by_inception,
    **{name: partial(_by_classifier, name) for name in features.CLASSIFIERS}}


def scores(extractor: str, trained: TrainedModel) -> MeasureResult:
    """Frechet and kernel distance and the manifold scores of decoded prior draws."""
    seen = EXTRACTORS[extractor](trained)
    real, made = (seen(x) for x in (trained.test.x, as_8_bits(trained.samples)))
    draws = trained.draws("evaluation")
    return MeasureResult(feature_scores(extractor, real=real, made=made, draws=draws), {})


def mixture_scores(extractor: str, trained: TrainedModel) -> MeasureResult:
    """`fd_*_gmm`, `fid_gmm`: the Frechet distance of samples from a mixture fitted to the codes."""
    seen = EXTRACTORS[extractor](trained)
    real, made = (fit_gaussian(seen(x))
                  for x in (trained.test.x, as_8_bits(mixture_samples(trained))))
    return MeasureResult({f"{SCORE_NAMES[extractor][0]}_gmm": frechet_distance(real, made)}, {})


NEIGHBOURS = 10  # C14


def clusters(trained: TrainedModel) -> MeasureResult:
    """Separation of the classes in the codes (claim C14).

    `knn10_accuracy`: share of test points classified right by their 10 nearest other test points.
    `nmi`: normalised mutual information of k-means clusters, one per class, with the classes."""
    z, labels = trained.codes.numpy(), trained.labels
    kmeans = KMeans(len(set(labels.tolist())), n_init=10, random_state=trained.random_state).fit(z)
    neighbours = KNeighborsClassifier(NEIGHBOURS).fit(z, labels)
    return MeasureResult({
        "knn10_accuracy": float(neighbours.score(None, labels)),  # None: no point votes for itself
        "nmi": float(normalized_mutual_info_score(labels, kmeans.labels_))}, {})


def reconstruction(trained: TrainedModel) -> MeasureResult:
    """`test_reconstruction`: squared error summed over an image, its mean over the test set."""
    def errors(codes: Tensor, x: Tensor) -> Tensor:
        made = trained.decode(codes)
        return (made - to_float(x).to(made.device)).double().square().flatten(1).sum(1)

    # in parts: in float64, ten thousand large images would fill a GPU
    parts = (torch.split(x, POINTS_AT_ONCE) for x in (trained.codes, trained.test.x))
    error = torch.cat([errors(*part) for part in zip(*parts, strict=True)]).mean()
    return MeasureResult({"test_reconstruction": float(error)}, {})


def latent_swd(trained: TrainedModel) -> MeasureResult:
    """`test_swd2_root` of the codes to the prior, and `test_floor_root` of the prior to itself."""
    values = LatentSWD(trained.run, trained.test.x, trained.device)(trained.encode)
    return MeasureResult({f"test_{name}": values[name] for name in ("swd2_root", "floor_root")}, {})


def matching(trained: TrainedModel) -> MeasureResult:
    """Whether the codes of the test points have matched the prior: see `matching_of`."""
    codes = trained.codes.to(measured_on(trained.device))
    return MeasureResult(matching_of(codes, trained.run, trained.prior), {})


def tsne(trained: TrainedModel) -> MeasureResult:
    """`points.csv`: label, x, y of a t-SNE (scikit-learn's defaults, PCA start) of the codes."""
    plane = TSNE(init="pca", random_state=trained.random_state, n_jobs=1)
    places = plane.fit_transform(trained.codes.numpy())
    lines = [f"{label},{x:.3f},{y:.3f}\n"
             for label, (x, y) in zip(trained.labels.tolist(), places.tolist(), strict=True)]
    return MeasureResult({}, {"points.csv": "".join(["label,x,y\n", *lines]).encode()})


def isotropy(trained: TrainedModel) -> MeasureResult:
    """Spread of training codes, its floor from as many prior draws, and spectrum.csv.

    The file lists the singular values of both, uncentred (MoCA paper, Section 4.2, Figure 3)."""
    codes = trained.training_codes(trained.n)
    prior = trained.prior.sample(len(codes), trained.draws("evaluation"))
    both = [latent_metrics.singular_values(z).tolist() for z in (codes, prior)]
    lines = [f"{k},{code:.6g},{draw:.6g}\n"
             for k, (code, draw) in enumerate(zip(*both, strict=True), start=1)]
    floor = {f"floor_{name}": value for name, value in latent_metrics.spread_of(prior).items()}
    return MeasureResult({**latent_metrics.spread_of(codes), **floor},
                         {"spectrum.csv": "".join(["rank,codes,prior\n", *lines]).encode()})


MEASURES: dict[str, Callable[[TrainedModel], MeasureResult]] = {
    "clusters": clusters, "reconstruction": reconstruction, "latent_swd": latent_swd,
    "isotropy": isotropy, "tsne": tsne, "pictures": pictures,
    "samples": image_grids.samples, "reconstructions": image_grids.reconstructions,
    "interpolations": image_grids.interpolations,
    "regularizer_cost": regularizer_cost, "image_swd": distances, "matching": matching,
    **{name: partial(scores, name) for name in EXTRACTORS},
    **{f"{name}_gmm": partial(mixture_scores, name) for name in EXTRACTORS}}
