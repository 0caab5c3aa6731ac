"""A run: the frozen description of one training; its hash is its address in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
import hashlib
import json

from benchmarks.harness.errors import unknown
from methods import OBJECTIVES, Scalar

SETTLED = ("done", "diverged")  # states of a run that has an outcome
CHOICES = {
    "objective": ("wae", "latent", *OBJECTIVES), "prior": ("sphere", "gaussian"),
    "optimizer": ("adam",),
    "precision": ("fp32", "tf32", "bf16"),  # fp32: TF32 off everywhere
}


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Run:
    """Everything that decides one training, and nothing else: no path, device or scale name.

    A field that does not apply is None and is left out of the key, so that a new field leaves the
    keys of existing runs as they are."""

    dataset: str
    n_train: int
    architecture: str
    method: str
    hyper: tuple[tuple[str, Scalar], ...]  # resolved, sorted by name; see `resolve`
    revision: str  # of the method's mathematics; for a user's method, the hash of its file
    dim: int  # latent dimension
    epochs: int
    batch: int
    objective: str = "wae"  # "wae"; "latent": the penalty alone; or in OBJECTIVES
    prior: str = "sphere"
    n_prior: int = 64  # prior draws per step
    lam: float = 1.0
    optimizer: str = "adam"
    lr: float = 1e-3
    halve_every: int | None = None  # epochs between halvings of the learning rate
    halve_until: int | None = None  # epoch from which on the rate stays
    precision: str = "fp32"
    width: float | None = None  # fraction of the architecture's channels
    decoder_start: int | None = None  # A1's decoder starts from a map of this side (A19)
    image_size: int | None = None  # side in pixels to which images are resized
    crop: str | None = None  # recipe for cropping and resizing, where a data set has several
    data_digest: str | None = None  # of a user's own images
    beta1: float | None = None  # Adam's first decay rate, where it is not 0.9
    snapshots: tuple[int, ...] | None = None  # epochs at which weights are kept beside the final
    stop_at: float | None = None  # ends training at this mean reconstruction error of an epoch
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a run that cannot be trained."""
        for name in ("n_train", "dim", "epochs", "batch", "n_prior"):
            if getattr(self, name) < 1:
                raise ValueError(f"a run needs {name} >= 1, not {getattr(self, name)}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {' or '.join(choices)}, not {getattr(self, name)!r}")
        if any(not 1 <= epoch <= self.epochs for epoch in self.snapshots or ()):
            raise ValueError(f"snapshots are of epochs 1 to {self.epochs}, not {self.snapshots}")
        if self.batch > self.n_train:
            raise ValueError(f"batch {self.batch} is larger than n_train {self.n_train}")

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in an epoch; the incomplete one is dropped."""
        return self.n_train // self.batch

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole training, T of the momentum schedule (A5)."""
        return self.epochs * self.steps_per_epoch

    @property
    def packed_name(self) -> str:
        """The name of the run's data set in its packed form."""
        parts = (self.dataset, self.image_size, self.crop, self.data_digest)
        return "-".join(str(part) for part in parts if part)

    def lr_factor(self, epoch: int) -> float:
        """The factor on the learning rate after `epoch` complete epochs."""
        if not self.halve_every:
            return 1.0
        epoch = min(epoch, (self.halve_until or self.epochs + 1) - 1)
        return float(0.5 ** (epoch // self.halve_every))

    def fields(self) -> dict[str, object]:
        """The fields that apply, with `hyper` as a dictionary."""
        applying = {field.name: value for field in fields(self)
                    if (value := getattr(self, field.name)) is not None}
        return applying | {"hyper": dict(self.hyper)}

    @cached_property
    def key(self) -> str:
        """Address of the run: the hash of the canonical JSON of its fields."""
        return hashlib.sha256(canonical(self.fields()).encode()).hexdigest()[:16]

    @staticmethod
    def from_fields(values: Mapping[str, object]) -> Run:
        """The inverse of `fields`; raises UsageError for a field this version does not know."""
        known = [field.name for field in fields(Run)]
        for name in values:
            if name not in known:
                raise unknown("run field", name, known)
        hyper: Mapping[str, Scalar] = values["hyper"]  # type: ignore[assignment]
        kept = {name: tuple(value) if isinstance(value, list) else value
                for name, value in values.items()}
        return Run(**{**kept, "hyper": tuple(sorted(hyper.items()))})  # type: ignore[arg-type]
