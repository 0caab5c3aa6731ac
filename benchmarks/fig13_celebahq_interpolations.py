"""Figure 13: interpolations of Figure 5's model, CelebA-HQ."""

from benchmarks.celebahq import GALLERY
from benchmarks.gallery import gallery

ARTEFACT = gallery("fig13-celebahq-interpolations", "Interpolations of MoCA, CelebA-HQ",
                   "Figure 13", ("interpolations",), GALLERY)
