"""Figure 12: reconstructions of Figure 5's model, CelebA-HQ."""

from benchmarks.gallery import gallery
from benchmarks.recipes import HQ_GALLERY

ARTEFACT = gallery("fig12-celebahq-reconstructions", "Reconstructions of MoCA, CelebA-HQ",
                   "Figure 12", ("reconstructions",), HQ_GALLERY)
