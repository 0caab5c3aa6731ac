"""Figure 18: interpolations of MoCA on CIFAR-10, from Table 2's own run."""

from benchmarks.gallery import gallery
from benchmarks.recipes import CIFAR10

ARTEFACT = gallery("fig18-cifar10-interpolations", "Interpolations of MoCA, CIFAR-10", "Figure 18",
                   ("interpolations",), CIFAR10.gallery)
