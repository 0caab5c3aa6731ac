"""The declarations: one module per artefact of the paper, collected here by name."""

from benchmarks import (
    fig1_synthetic,
    fig2_convergence,
    fig3_isotropy,
    fig4_latent_dim,
    fig5_celebahq,
    fig6_samples,
    fig7_tsne,
    fig8_reconstruction,
    fig9_input_size,
    fig10_temperature,
    fig11_celebahq_samples,
    fig12_celebahq_reconstructions,
    fig13_celebahq_interpolations,
    fig14_cifar10_samples,
    fig15_celeba_samples,
    fig16_cifar10_reconstructions,
    fig17_celeba_reconstructions,
    fig18_cifar10_interpolations,
    fig19_celeba_interpolations,
    table1,
    table2,
    table3,
    table4,
    table5,
)
from benchmarks.harness.spec.artefact import Artefact
from benchmarks.recipes import CELEBA, CIFAR10
from benchmarks.tuning import search

ARTEFACTS: dict[str, Artefact] = {
    module.ARTEFACT.name: module.ARTEFACT for module in (
        fig1_synthetic, fig2_convergence, fig3_isotropy, fig4_latent_dim, fig5_celebahq,
        fig6_samples, fig7_tsne, fig8_reconstruction, fig9_input_size, fig10_temperature,
        fig11_celebahq_samples, fig12_celebahq_reconstructions, fig13_celebahq_interpolations,
        fig14_cifar10_samples, fig15_celeba_samples, fig16_cifar10_reconstructions,
        fig17_celeba_reconstructions, fig18_cifar10_interpolations, fig19_celeba_interpolations,
        table1, table2, table3, table4, table5)
}

# what `tune NAME` runs; no part of the paper, so `all` leaves it out
TUNINGS: dict[str, Artefact] = {
    table.name: search(table)
    for table in (*(CELEBA.tuned("table1", a) for a in table1.RANKING.architectures),
                  *(CIFAR10.tuned("table2", a) for a in table2.RANKING.architectures))}
