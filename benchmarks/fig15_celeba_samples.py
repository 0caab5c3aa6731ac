"""Figure 15: samples of MoCA on CelebA, from Table 1's own run."""

from benchmarks.gallery import gallery
from benchmarks.recipes import CELEBA

ARTEFACT = gallery("fig15-celeba-samples", "Samples of MoCA, CelebA", "Figure 15",
                   ("samples",), CELEBA.gallery)
