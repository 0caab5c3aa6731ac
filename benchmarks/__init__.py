"""The declarations: one module per artefact of the paper, collected here by name."""

from benchmarks import (
    cifar10,
    fig1_synthetic,
    fig2_convergence,
    fig3_isotropy,
    fig6_samples,
    fig7_tsne,
    fig8_reconstruction,
    fig14_cifar10_samples,
    fig16_cifar10_reconstructions,
    fig18_cifar10_interpolations,
    table2,
)
from benchmarks.harness.spec import Artefact
from benchmarks.tuning import search

ARTEFACTS: dict[str, Artefact] = {
    module.ARTEFACT.name: module.ARTEFACT for module in (
        fig1_synthetic, fig2_convergence, fig3_isotropy, fig6_samples, fig7_tsne,
        fig8_reconstruction, fig14_cifar10_samples, fig16_cifar10_reconstructions,
        fig18_cifar10_interpolations, table2)
}

# what `tune NAME` runs; no part of the paper, so `all` leaves it out
TUNINGS: dict[str, Artefact] = {
    table.name: search(table) for table in map(cifar10.tuned, ("a1", "a2"))}
