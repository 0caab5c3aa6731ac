"""Figure 5: samples and interpolations of MoCA, CelebA-HQ."""

from benchmarks.gallery import gallery
from benchmarks.recipes import HQ_GALLERY

ARTEFACT = gallery("fig5-celebahq", "Samples and interpolations of MoCA, CelebA-HQ", "Figure 5",
                   ("samples", "interpolations"), HQ_GALLERY)
