"""Figure 14: samples of MoCA on CIFAR-10, from Table 2's own run."""

from benchmarks.gallery import gallery
from benchmarks.recipes import CIFAR10

ARTEFACT = gallery("fig14-cifar10-samples", "Samples of MoCA, CIFAR-10", "Figure 14",
                   ("samples",), CIFAR10.gallery)
