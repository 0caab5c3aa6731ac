"""What is measured of a trained model on the test set: numbers, points, pictures."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.manifold import TSNE
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from benchmarks.harness.curves import LatentSWD
from benchmarks.harness.data import dataset, to_float
from benchmarks.harness.errors import UsageError
from benchmarks.harness.inference import in_chunks
from benchmarks.harness.models import load
from benchmarks.harness.run import Run
from benchmarks.harness.streams import stream
from benchmarks.harness.tiles import tiles

NEIGHBOURS = 10  # C14


class Measured(NamedTuple):
    """Numbers by column name, and files by name."""

    numbers: dict[str, float]
    files: dict[str, bytes]


class Trained:
    """A trained model in evaluation mode, and n points of the test set that it is judged on."""

    def __init__(self, run: Run, model: Path, root: Path, n: int, device: str) -> None:
        self.run, self.device = run, device
        self.test = dataset(run).test(run, n, root)
        self.encoder, self.decoder = load(run, tuple(self.test.x.shape[1:]), model, device)

    @cached_property
    def codes(self) -> Tensor:
        """(n, dim) codes of the test points; of a posterior, its mean direction."""
        return in_chunks(self.encode, self.test.x)

    @property
    def labels(self) -> np.ndarray:
        """(n,) classes of the test points; raises UsageError where they have none."""
        if self.test.labels is None:
            raise UsageError(f"{self.run.dataset} has no classes to measure by")
        return self.test.labels.numpy()

    def encode(self, x: Tensor) -> Tensor:
        """Codes (n, dim) of points as they are stored."""
        return self.encoder(to_float(x.to(self.device)))  # type: ignore[no-any-return]

    def decode(self, z: Tensor) -> Tensor:
        """Images (n, C, H, W) in [0, 1] of codes, on the CPU."""
        assert isinstance(self.decoder, nn.Module)
        decoder = self.decoder
        return in_chunks(lambda part: decoder(part.to(self.device)), z)

    @property
    def random_state(self) -> int:
        """Seed of the library routines that draw: the run's stream "evaluation"."""
        return stream(self.run.seed, "evaluation") % 2**32


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


def pictures(trained: Trained) -> Measured:
    """PNG tiles of the first n test images; see `tiles`."""
    shown = tiles(trained.run, to_float(trained.test.x), trained.codes, trained.decode)
    return Measured({}, shown)


MEASURES: dict[str, Callable[[Trained], Measured]] = {
    "clusters": clusters, "reconstruction": reconstruction, "latent_swd": latent_swd,
    "tsne": tsne, "pictures": pictures,
}
