"""Figure 6: reconstructions, interpolations and samples; CIFAR-10 on its left, CelebA right."""

from benchmarks.gallery import gallery, shown
from benchmarks.harness.spec.artefact import Arm
from benchmarks.recipes import CELEBA, CIFAR10

SHOWS = ("reconstructions", "interpolations", "samples")


def arms(scale: str) -> tuple[Arm, ...]:
    """A half each; where one data set is missing, the other half is shown."""
    right = Arm("moca[A2,CelebA]", CELEBA.a2(scale), measures=shown(CELEBA.gallery, SHOWS, scale))
    return (*CIFAR10.gallery.arms(scale), right)


ARTEFACT = gallery(
    "fig6-samples", "Reconstructions, interpolations and samples of MoCA, CIFAR-10 and CelebA",
    "Figure 6", SHOWS, CIFAR10.gallery._replace(arms=arms, ambiguities=tuple(
        dict.fromkeys((*CIFAR10.ambiguities, *CELEBA.ambiguities)))))
