"""Measures of the images that a model makes of prior draws, against the test set."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.harness.data.datasets import to_float
from benchmarks.harness.measure import features, inception
from benchmarks.harness.measure.feature_scores import as_8_bits, feature_scores
from benchmarks.harness.measure.image_grids import tiles
from benchmarks.harness.measure.image_swd import image_swd
from benchmarks.harness.measure.inference import in_chunks
from benchmarks.harness.measure.trained_model import Measured, Trained

SWD_DRAWS = 2  # random seeds of Figure 2's distance (METHODS section 3)


def pictures(trained: Trained) -> Measured:
    """PNG tiles of the first n test images; see `tiles`."""
    shown = tiles(trained.run, to_float(trained.test.x), trained.codes, trained.decode)
    return Measured({}, shown)


def distances(trained: Trained) -> Measured:
    """`swd_image_std`, the paper's normalisation, and `swd_image_unit`: means over two draws.

    Grey images count as three equal channels, as they do for the networks below.
    """
    real, made = (images.to(trained.device).expand(-1, 3, -1, -1)
                  for images in (to_float(trained.test.x), trained.samples.clamp(0, 1)))
    draws = trained.draws("evaluation")
    found = [image_swd(real, made, draws) for _ in range(SWD_DRAWS)]
    return Measured({f"swd_image_{kind}": sum(values[kind] for values in found) / SWD_DRAWS
                     for kind in found[0]}, {})


def cifar10_scores(trained: Trained) -> Measured:
    """The scores in the features of the suite's own classifier; `fd_cifar10` is no `fid`."""
    network = features.shipped().to(trained.device)

    def penultimate(x: Tensor) -> Tensor:
        shown = to_float(x.to(trained.device))
        return network.features(torch.nn.functional.interpolate(
            shown.expand(-1, 3, -1, -1), size=(32, 32), mode="bilinear", antialias=True))

    return _scored("cifar10", trained, lambda x: in_chunks(penultimate, x))


def inception_scores(trained: Trained) -> Measured:
    """FID, KID and the manifold scores in the features of Inception-2015."""
    network = inception.network(trained.weights, trained.device)
    return _scored("inception", trained,
                   lambda x: inception.features(network, x, trained.device))


def _scored(extractor: str, trained: Trained, features: Callable[[Tensor], Tensor]) -> Measured:
    real, made = (features(x) for x in (trained.test.x, as_8_bits(trained.samples)))
    draws = trained.draws("evaluation")
    return Measured(feature_scores(extractor, real=real, made=made, draws=draws), {})
