"""Curves: measurements in training, at the start, every so many epochs, and at the end."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from benchmarks.harness.data.datasets import points, to_float
from benchmarks.harness.measure.latent_metrics import LatentSWD
from benchmarks.harness.measure.trained_model import Model
from benchmarks.harness.spec.artefact import Curve
from benchmarks.harness.spec.run import Run
from benchmarks.harness.train.build import evaluated
from methods.base import Objective


class TrainingSetup(NamedTuple):
    """The inputs of a training: run, data and device."""

    run: Run
    data: Tensor  # (n_train, ...)
    root: Path  # the folder of packed data sets
    device: str


Point = Callable[[Model], Mapping[str, float]]


def _latent_swd(setup: TrainingSetup, curve: Curve) -> Point:
    """Latent SWD of the training set's codes, as in Figure 1."""
    distance = LatentSWD(setup.run, setup.data, setup.device)
    return lambda model: distance(lambda x: model.encoder(to_float(x.to(setup.device))))


def _measure(setup: TrainingSetup, curve: Curve) -> Point:
    """The measure with the curve's name, taken of the current model on test points."""
    from benchmarks.harness.measure.measures import MEASURES
    from benchmarks.harness.measure.trained_model import TrainedModel
    run, root, device = setup.run, setup.root, setup.device
    assert curve.n_eval is not None
    test = points(run, "test", curve.n_eval, root)
    return lambda model: MEASURES[curve.name](TrainedModel(run, model, test, root, device)).numbers


CURVES: dict[str, Callable[[TrainingSetup, Curve], Point]] = {
    "latent_swd": _latent_swd, "image_swd": _measure, "reconstruction": _measure}


class CurveRecorder:
    """The curves of a run in progress; `columns`: curve id -> its columns, once measured."""

    def __init__(self, curves: tuple[Curve, ...], setup: TrainingSetup) -> None:
        self.curves, self.epochs = curves, setup.run.epochs
        self.points = {curve.id: CURVES[curve.name](setup, curve) for curve in curves}
        self.columns: dict[str, list[str]] = {}

    def __call__(self, objective: Objective, epoch: int) -> dict[str, float]:
        """The values of the curves that are due after that many epochs, by column name."""
        values: dict[str, float] = {}
        with evaluated(objective) as model:
            for curve in self.curves:
                if curve.is_due(epoch, self.epochs):
                    found = self.points[curve.id](model)
                    self.columns[curve.id] = list(found)
                    values |= found
        return values
