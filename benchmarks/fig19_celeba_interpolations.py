"""Figure 19: interpolations of MoCA on CelebA, from Table 1's own run."""

from benchmarks.gallery import gallery
from benchmarks.recipes import CELEBA

ARTEFACT = gallery("fig19-celeba-interpolations", "Interpolations of MoCA, CelebA", "Figure 19",
                   ("interpolations",), CELEBA.gallery)
