"""Figure 19: interpolations of MoCA on CelebA, from Table 1's own run."""

from benchmarks.celeba import CELEBA
from benchmarks.gallery import gallery

ARTEFACT = gallery("fig19-celeba-interpolations", "Interpolations of MoCA, CelebA", "Figure 19",
                   ("interpolations",), CELEBA.gallery)
