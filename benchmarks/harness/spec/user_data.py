"""A user's own images instead of an artefact's data set (`--dataset NAME=PATH`)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.artefact import Arm, Artefact, Curve, Measure
from benchmarks.harness.spec.run import Run

FILE_DATASETS = ("mnist", "cifar10", "celeba", "celebahq")  # NAME=PATH says where their files are
NATIVE_SIZE = {"mnist": 28, "procedural-28": 28, "cifar10": 32, "procedural": 32}
NEED_CLASSES = ("clusters", "tsne")
# fewest test images per measure: for its neighbours, perplexity, three pairs, neighbours (thrice),
# a spread that is above zero
AT_LEAST = {"clusters": 11, "tsne": 31, "pictures": 6, "cifar10": 6, "mnist": 6, "inception": 6,
            "matching": 20}


def shape_of(run: Run) -> tuple[int, ...]:
    """The shape of one of the run's points."""
    if run.dataset.startswith("synthetic"):
        return (100,)
    if run.dataset in ("mnist", "procedural-28"):
        return 1, 28, 28
    side = run.image_size or 32
    return 3, side, side


def is_packed(run: Run) -> bool:
    """Whether the run's data set consists of files."""
    return run.dataset in FILE_DATASETS or run.data_digest is not None


def packed_folder(root: Path, name: str) -> Path:
    """The folder of a data set's packed arrays; it need not exist."""
    return root / name / "packed.1"  # a new format has a new number, so no old array is read


@dataclass(frozen=True)
class UserData:
    """A folder or archive of images; the digest of its content identifies it."""

    name: str
    path: Path
    digest: str
    n_train: int
    n_test: int
    has_classes: bool
    understood: str = ""  # splits, classes and what is left out, in a line

    def fits(self, run: Run) -> bool:
        """Whether the run trains on images instead of drawn points."""
        return not run.dataset.startswith("synthetic")

    def trains(self, run: Run) -> bool:
        """Whether there are enough images for the run, too."""
        return self.fits(run) and min(run.n_train, self.n_train) >= run.batch

    def arm(self, artefact: Artefact, arm: Arm) -> Arm:
        """The arm on these images; raises UsageError if the artefact or arm cannot use them.

        Images take the size of those that they replace; fewer images make the training shorter."""
        run = arm.run
        if not self.fits(run):
            raise UsageError(f"--dataset: {artefact.name} draws its own points and shows no images")
        n_train = min(run.n_train, self.n_train)
        if n_train < run.batch:
            raise UsageError(f"--dataset: {self.path} has {self.n_train} training images, fewer "
                             f"than a batch of {run.batch}")
        return replace(arm, run=replace(
            run, dataset=self.name, data_digest=self.digest, n_train=n_train, crop=None,
            image_size=run.image_size or NATIVE_SIZE[run.dataset]))

    def measures(self, artefact: Artefact, asked: Sequence[Measure]) -> tuple[Measure, ...]:
        """The measures, each on at most the test images that exist.

        Raises UsageError for a measure that needs classes or more images than exist."""
        least = max((AT_LEAST.get(measure.name, 2) for measure in asked), default=0)
        if self.n_test < least:
            raise UsageError(f"--dataset: {self.path} has {self.n_test} test images; "
                             f"{artefact.name} measures on at least {least}")
        for measure in asked:
            if measure.name in NEED_CLASSES and not self.has_classes:
                raise UsageError(f"--dataset: {artefact.name} compares classes; put the images of "
                                 f"each class of {self.path} into a folder of its own (now: "
                                 f"{self.understood.removeprefix('data: ')})")
        return tuple(replace(measure, n_eval=min(measure.n_eval, self.n_test)) for measure in asked)

    def curve(self, asked: Curve) -> Curve:
        """The curve, on at most the test images that exist."""
        return replace(asked, n_eval=asked.n_eval and min(asked.n_eval, self.n_test))
