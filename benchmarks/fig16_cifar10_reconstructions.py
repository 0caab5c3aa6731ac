"""Figure 16: reconstructions of MoCA on CIFAR-10, from Table 2's own run."""

from benchmarks.gallery import gallery
from benchmarks.recipes import CIFAR10

ARTEFACT = gallery("fig16-cifar10-reconstructions", "Reconstructions of MoCA, CIFAR-10",
                   "Figure 16", ("reconstructions",), CIFAR10.gallery)
