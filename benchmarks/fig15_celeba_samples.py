"""Figure 15: samples of MoCA on CelebA, from Table 1's own run."""

from benchmarks.celeba import CELEBA
from benchmarks.gallery import gallery

ARTEFACT = gallery("fig15-celeba-samples", "Samples of MoCA, CelebA", "Figure 15",
                   ("samples",), CELEBA.gallery)
