"""Figure 17: reconstructions of MoCA on CelebA, from Table 1's own run."""

from benchmarks.gallery import gallery
from benchmarks.recipes import CELEBA

ARTEFACT = gallery("fig17-celeba-reconstructions", "Reconstructions of MoCA, CelebA", "Figure 17",
                   ("reconstructions",), CELEBA.gallery)
