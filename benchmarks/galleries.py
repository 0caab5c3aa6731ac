"""Figures 5, 6 and 11 to 19: image grids of models that other artefacts train."""

from typing import NamedTuple

from benchmarks.harness.spec.artefact import Arm, Artefact, DataFrame, Measure
from benchmarks.harness.spec.claims import Claim, Untestable
from benchmarks.recipes import CELEBA, CELEBA_HQ, CIFAR10, DatasetRecipe

SHOWN = {"samples": 64, "reconstructions": 32, "interpolations": 16}  # number of images
SCORES = ["fd_cifar10", "fid", "kid", "test_reconstruction"]
REASON = "whether a picture looks realistic is for its reader to say"
SAMPLES, RECONSTRUCTIONS, INTERPOLATIONS = "samples", "reconstructions", "interpolations"


class Gallery(NamedTuple):
    """A figure of image grids; each data set has its own arm, of which a second may be missing."""

    name: str
    caption: str
    place: str
    shows: tuple[str, ...]
    images: tuple[DatasetRecipe, ...]
    early: bool = False  # shows the snapshot instead of the final model

    def epoch(self, scale: str) -> int | None:
        """The snapshot that is shown; None for the final model."""
        return self.images[0].snapshot[scale] if self.early else None

    def measures(self, images: DatasetRecipe, scale: str) -> tuple[Measure, ...]:
        """The scores, and the image grids."""
        epoch = self.epoch(scale)
        others = () if self.early else ("reconstruction",)
        return (*images.scores(scale, *others, epoch=epoch),
                *(Measure(picture, SHOWN[picture], epoch) for picture in self.shows))

    def arms(self, scale: str) -> tuple[Arm, ...]:
        """MoCA on each data set."""
        first, *others = self.images
        name = "A2" if first.main == "a2" else "HQ"
        return (Arm(f"moca[{name}]", first.moca(scale)),
                *(Arm("moca[A2,CelebA]", images.moca(scale), measures=self.measures(images, scale))
                  for images in others))

    def table(self, rows: DataFrame) -> DataFrame:
        """Scores per arm; `exhibit`: the stem of the file names of its image grids."""
        from benchmarks.harness.analysis.tables import exhibited, final_scores
        epoch = self.epoch(str(rows["scale"].iloc[0]))
        if epoch is None:
            return exhibited(rows, final_scores(rows, SCORES))
        rows = rows[~(rows["epoch"] > epoch)]
        return exhibited(rows, final_scores(rows, SCORES)).assign(epoch=epoch)

    def artefact(self) -> Artefact:
        """The artefact, with one seed per arm."""
        claim = Claim("C29", "Samples, reconstructions and interpolations look realistic.",
                      self.place, Untestable(REASON))
        first = self.images[0]
        ambiguities = dict.fromkeys(name for images in self.images for name in images.ambiguities)
        return Artefact(
            name=self.name, caption=self.caption, place=self.place, figure="gallery",
            seeds={"paper": 1, "mini": 1, "smoke": 1}, arms=self.arms, template=first.moca,
            settings=first.settings, table=self.table, claims=lambda scale: (claim,),
            claim_for=lambda scale, arm: claim, ambiguities=tuple(ambiguities),
            measures=lambda scale, seed: self.measures(first, scale))


GALLERIES = (
    Gallery("fig5-celebahq", "Samples and interpolations of MoCA, CelebA-HQ", "Figure 5",
            (SAMPLES, INTERPOLATIONS), (CELEBA_HQ,)),
    Gallery("fig6-samples",
            "Reconstructions, interpolations and samples of MoCA, CIFAR-10 and CelebA", "Figure 6",
            (RECONSTRUCTIONS, INTERPOLATIONS, SAMPLES), (CIFAR10, CELEBA)),
    Gallery("fig11-celebahq-samples", "Samples of MoCA at an earlier epoch, CelebA-HQ",
            "Figure 11", (SAMPLES,), (CELEBA_HQ,), early=True),
    Gallery("fig12-celebahq-reconstructions", "Reconstructions of MoCA, CelebA-HQ", "Figure 12",
            (RECONSTRUCTIONS,), (CELEBA_HQ,)),
    Gallery("fig13-celebahq-interpolations", "Interpolations of MoCA, CelebA-HQ", "Figure 13",
            (INTERPOLATIONS,), (CELEBA_HQ,)),
    Gallery("fig14-cifar10-samples", "Samples of MoCA, CIFAR-10", "Figure 14", (SAMPLES,),
            (CIFAR10,)),
    Gallery("fig15-celeba-samples", "Samples of MoCA, CelebA", "Figure 15", (SAMPLES,), (CELEBA,)),
    Gallery("fig16-cifar10-reconstructions", "Reconstructions of MoCA, CIFAR-10", "Figure 16",
            (RECONSTRUCTIONS,), (CIFAR10,)),
    Gallery("fig17-celeba-reconstructions", "Reconstructions of MoCA, CelebA", "Figure 17",
            (RECONSTRUCTIONS,), (CELEBA,)),
    Gallery("fig18-cifar10-interpolations", "Interpolations of MoCA, CIFAR-10", "Figure 18",
            (INTERPOLATIONS,), (CIFAR10,)),
    Gallery("fig19-celeba-interpolations", "Interpolations of MoCA, CelebA", "Figure 19",
            (INTERPOLATIONS,), (CELEBA,)))
ARTEFACTS = tuple(row.artefact() for row in GALLERIES)
