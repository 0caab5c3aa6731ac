"""Figure 6: samples, reconstructions and interpolations; its left half, CIFAR-10."""

from benchmarks import cifar10
from benchmarks.gallery import gallery

ARTEFACT = gallery(
    "fig6-samples", "Reconstructions, interpolations and samples of MoCA, CIFAR-10", "Figure 6",
    ("reconstructions", "interpolations", "samples"), cifar10.GALLERY)
