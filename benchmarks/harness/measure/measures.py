"""The registry of what can be measured of a trained model, by name."""

from collections.abc import Callable

from benchmarks.harness.measure import generation, grids, representation
from benchmarks.harness.measure.trained_model import Measured, Trained

MEASURES: dict[str, Callable[[Trained], Measured]] = {
    "clusters": representation.clusters,
    "reconstruction": representation.reconstruction,
    "latent_swd": representation.latent_swd,
    "isotropy": representation.spread,
    "tsne": representation.tsne,
    "pictures": generation.pictures,
    "samples": grids.samples,
    "reconstructions": grids.reconstructions,
    "interpolations": grids.interpolations,
    "image_swd": generation.distances,
    "cifar10": generation.cifar10_scores,
    "inception": generation.inception_scores,
}
