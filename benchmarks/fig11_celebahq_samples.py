"""Figure 11: samples of Figure 5's model at an earlier epoch, CelebA-HQ."""

from benchmarks.gallery import gallery
from benchmarks.recipes import HQ_EARLIER

ARTEFACT = gallery("fig11-celebahq-samples", "Samples of MoCA at an earlier epoch, CelebA-HQ",
                   "Figure 11", ("samples",), HQ_EARLIER)
