"""Arms, measures, curves, resources and artefacts, as frozen values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from benchmarks.harness.spec.claims import Claim
from benchmarks.harness.spec.run import Run
from methods import Scalar

if TYPE_CHECKING:
    from pandas import DataFrame as DataFrame
else:
    DataFrame = object  # pandas is imported only where a table is made


def exhibit_stem(arm: str, seed: int) -> str:
    """File stem of the points and image grids of an arm's run."""
    return f"{quote(arm, safe='[]=,+ ')}.seed{seed}"


@dataclass(frozen=True)
class Arm:
    """One line or cell of an artefact: runs that differ in nothing but their seed."""

    name: str  # unique within the artefact, the column `arm`
    run: Run
    panels: tuple[str, ...] = ("main",)
    stage: int = 0  # stages are trained and published in order
    measures: tuple[Measure, ...] | None = None  # instead of the artefact's


# of measures whose outcome has changed, so that a stored one is not taken for the new one
REVISIONS = {"interpolations": 2, "pictures": 2}


@dataclass(frozen=True)
class Measure:
    """A measure of a trained model; its parameters are part of its identity."""

    name: str  # in measure.measures.MEASURES
    n_eval: int  # test points
    epoch: int | None = None  # epoch of a snapshot of the run; None: the final model
    split: str = "test"  # or "validation", for choices that must not see the test set
    n_made: int | None = None  # samples, if not as many as test points

    @property
    def id(self) -> str:
        """The name under which its outcome is stored."""
        parts = (f"{self.name}@{self.n_eval}", f"epoch={self.epoch}" if self.epoch else "",
                 self.split if self.split != "test" else "",
                 f"made={self.n_made}" if self.n_made else "",
                 f"revision={REVISIONS[self.name]}" if self.name in REVISIONS else "")
        return ",".join(filter(None, parts))


@dataclass(frozen=True)
class Curve:
    """A measurement during training: at the start, every `every` epochs, and at the end."""

    name: str  # in train.curves.CURVES
    n_eval: int | None = None  # test points; None: the training set
    every: int = 1  # epochs

    @property
    def id(self) -> str:
        """Its name in a run's outcome."""
        points = "" if self.n_eval is None else f"@{self.n_eval}"
        return f"{self.name}{points}/{self.every}"

    def is_due(self, epoch: int, last: int) -> bool:
        """Whether the curve has a point after `epoch` of `last` epochs."""
        return epoch % self.every == 0 or epoch == last


@dataclass(frozen=True)
class Resources:
    """Resources of one run on a cluster node."""

    gpus: int = 0
    cpus: int = 1
    memory_gb: int = 4
    minutes: int = 30  # a generous limit; a longer run resumes from its checkpoint
    gains_by_gpu: bool = False  # takes one where it lies idle, though a processor will do


ON_A_PROCESSOR = {"paper": Resources(minutes=60), "mini": Resources(), "smoke": Resources()}
ON_AN_ACCELERATOR = {"paper": Resources(gpus=1, cpus=2, memory_gb=16, minutes=240),
                     "mini": Resources(memory_gb=8, minutes=60, gains_by_gpu=True),
                     "smoke": Resources()}


@dataclass(frozen=True)
class Artefact:
    """A figure or table of the paper: its runs, measures, table, plot and claims."""

    name: str
    caption: str
    place: str
    figure: str  # the plot of data.csv, in figures.FIGURES
    seeds: Mapping[str, int]  # scale -> default number of seeds
    arms: Callable[[str], tuple[Arm, ...]]  # scale -> arms, seed 0
    template: Callable[[str], Run]  # scale -> the run into which a user's method is put
    settings: Callable[[str], Mapping[str, Mapping[str, Scalar]]]  # scale -> method -> hyper
    table: Callable[[DataFrame], DataFrame]  # rows of runs.csv -> data.csv
    claims: Callable[[str], tuple[Claim, ...]]  # scale -> the paper's claims, and ours
    claim_for: Callable[[str, str], Claim | None]  # scale, user's arm -> the claim that judges it
    ambiguities: tuple[str, ...]  # ids in METHODS.md section 4 of the choices in force
    measures: Callable[[str, int], tuple[Measure, ...]] = lambda scale, seed: ()
    curves: Callable[[str], tuple[Curve, ...]] = lambda scale: ()
    resources: Mapping[str, Resources] = field(default_factory=lambda: ON_AN_ACCELERATOR)  # scale
    # scale, method, its settings -> its arms; None: one arm, the template with the method in it
    own_arms: Callable[..., tuple[Arm, ...]] | None = None
    # the grid that chooses the weights of a user's method, passed to `own_arms` by arm: `weights`
    tuning: Artefact | None = None
    texts: Mapping[str, Callable[[DataFrame], str]] = field(default_factory=dict)  # more files


class Variation(NamedTuple):
    """Two arms of an artefact that differ only in an open choice."""

    artefact: str
    statistic: str  # see analysis.statistics
    arm: str  # the arm with the alternative choice
    other: str  # the arm with the choice in force, or of another reading
    says: str  # what is varied, in words


class Ambiguity(NamedTuple):
    """A gap or contradiction of the paper; its id is the one in provenance.json."""

    id: str
    question: str
    choice: str
    variations: tuple[Variation, ...] = ()


VALIDATION = 5000  # training images held out for choosing models by their scores there
