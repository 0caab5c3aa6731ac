"""Figure 12: reconstructions of Figure 5's model, CelebA-HQ."""

from benchmarks.celebahq import GALLERY
from benchmarks.gallery import gallery

ARTEFACT = gallery("fig12-celebahq-reconstructions", "Reconstructions of MoCA, CelebA-HQ",
                   "Figure 12", ("reconstructions",), GALLERY)
