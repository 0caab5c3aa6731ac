"""Figure 13: interpolations of Figure 5's model, CelebA-HQ."""

from benchmarks.gallery import gallery
from benchmarks.recipes import HQ_GALLERY

ARTEFACT = gallery("fig13-celebahq-interpolations", "Interpolations of MoCA, CelebA-HQ",
                   "Figure 13", ("interpolations",), HQ_GALLERY)
