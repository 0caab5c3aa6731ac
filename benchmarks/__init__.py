"""The declarations: one module per artefact of the paper, collected here by name."""

from benchmarks import fig1_synthetic, fig7_tsne
from benchmarks.harness.spec import Artefact

ARTEFACTS: dict[str, Artefact] = {
    artefact.name: artefact for artefact in (fig1_synthetic.ARTEFACT, fig7_tsne.ARTEFACT)
}
