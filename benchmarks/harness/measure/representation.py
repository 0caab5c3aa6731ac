"""Measures of the codes of the test set."""

from sklearn.cluster import KMeans
from sklearn.manifold import TSNE
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.harness.data.datasets import to_float
from benchmarks.harness.measure import isotropy
from benchmarks.harness.measure.latent_metrics import LatentSWD
from benchmarks.harness.measure.trained_model import Measured, Trained

NEIGHBOURS = 10  # C14


def clusters(trained: Trained) -> Measured:
    """How far the classes are told apart by the codes (claim C14).

    `knn10_accuracy`: a test point's class by vote of its 10 nearest among the other test points.
    `nmi`: normalised mutual information of k-means clusters, one per class, with the classes.
    """
    z, labels = trained.codes.numpy(), trained.labels
    kmeans = KMeans(len(set(labels.tolist())), n_init=10, random_state=trained.random_state).fit(z)
    neighbours = KNeighborsClassifier(NEIGHBOURS).fit(z, labels)
    return Measured({
        "knn10_accuracy": float(neighbours.score(None, labels)),  # None: no point votes for itself
        "nmi": float(normalized_mutual_info_score(labels, kmeans.labels_)),
    }, {})


def reconstruction(trained: Trained) -> Measured:
    """`test_reconstruction`: squared error summed over an image, its mean over the test set."""
    x = to_float(trained.test.x)
    error = (trained.decode(trained.codes) - x).double().square().flatten(1).sum(1).mean()
    return Measured({"test_reconstruction": float(error)}, {})


def latent_swd(trained: Trained) -> Measured:
    """`test_swd2_root` of the codes to the prior, and `test_floor_root` of the prior to itself."""
    values = LatentSWD(trained.run, trained.test.x)(trained.encode)
    return Measured({f"test_{name}": values[name] for name in ("swd2_root", "floor_root")}, {})


def tsne(trained: Trained) -> Measured:
    """`points.csv`: label, x, y of a t-SNE (scikit-learn's defaults, PCA start) of the codes."""
    plane = TSNE(init="pca", random_state=trained.random_state, n_jobs=1)
    places = plane.fit_transform(trained.codes.numpy())
    lines = [f"{label},{x:.3f},{y:.3f}\n"
             for label, (x, y) in zip(trained.labels.tolist(), places.tolist(), strict=True)]
    return Measured({}, {"points.csv": "".join(["label,x,y\n", *lines]).encode()})


def spread(trained: Trained) -> Measured:
    """`isotropy`, its floor from as many prior draws, and spectrum.csv: both sets' singular values.

    Of the codes of training images, without centring (Section 4.2, Figure 3).
    """
    codes = trained.training_codes
    prior = trained.prior.sample(len(codes), trained.draws("evaluation"))
    both = [isotropy.singular_values(z).tolist() for z in (codes, prior)]
    lines = [f"{k},{code:.6g},{draw:.6g}\n"
             for k, (code, draw) in enumerate(zip(*both, strict=True), start=1)]
    floor = {f"floor_{name}": value for name, value in isotropy.isotropy(prior).items()}
    return Measured({**isotropy.isotropy(codes), **floor},
                    {"spectrum.csv": "".join(["rank,codes,prior\n", *lines]).encode()})
