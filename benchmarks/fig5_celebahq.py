"""Figure 5: samples and interpolations of MoCA, CelebA-HQ."""

from benchmarks.celebahq import GALLERY
from benchmarks.gallery import gallery

ARTEFACT = gallery("fig5-celebahq", "Samples and interpolations of MoCA, CelebA-HQ", "Figure 5",
                   ("samples", "interpolations"), GALLERY)
