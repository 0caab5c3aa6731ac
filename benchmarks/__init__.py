"""The declarations: every figure and table of the paper, by name."""

import re

from benchmarks import (
    fig1_synthetic,
    fig2_convergence,
    fig3_isotropy,
    fig4_latent_dim,
    fig7_tsne,
    fig8_reconstruction,
    fig9_input_size,
    fig10_temperature,
    galleries,
    leaderboard,
    table1,
    table2,
    table3,
    table4,
    table5,
)
from benchmarks.harness.spec.artefact import Artefact
from benchmarks.recipes import CELEBA, CIFAR10
from benchmarks.tuning import search

# figures, then tables, each by number; then what is beyond the paper
ARTEFACTS: dict[str, Artefact] = {artefact.name: artefact for artefact in sorted((
    *galleries.ARTEFACTS, *(module.ARTEFACT for module in (
        fig1_synthetic, fig2_convergence, fig3_isotropy, fig4_latent_dim, fig7_tsne,
        fig8_reconstruction, fig9_input_size, fig10_temperature, table1, table2, table3, table4,
        table5))),
    key=lambda artefact: (artefact.name.startswith("table"),
                          int(re.findall(r"\d+", artefact.name)[0])))}
ARTEFACTS[leaderboard.NAME] = leaderboard.ARTEFACT

# run by `tune NAME`; `all` leaves them out, since they are not in the paper
TUNINGS: dict[str, Artefact] = {
    f"{name}-{architecture}": search(name, architecture, images)
    for name, table, images in (("table1", table1, CELEBA), ("table2", table2, CIFAR10))
    for architecture in table.RANKING.architectures} | {leaderboard.NAME: leaderboard.TUNING}
