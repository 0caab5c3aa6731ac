"""The training step: by path and precision, beside pythae's trainer, and by regularizer."""

from collections.abc import Callable
from contextlib import redirect_stderr
import io
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.harness.spec.run import Run
from benchmarks.harness.train.build import autoencoder
from benchmarks.harness.train.execution import FAST, Execution
from benchmarks.speed.cases import BATCH, Case, Sizes, images, run, training
from methods import METHODS
from methods.base import Regularizer, Step
from methods.priors import PRIORS

SIDES = {"a1": 32, "a2": 32, "residual": 64}


class Nothing(Regularizer):
    """The regularizer that is zero: an autoencoder remains."""

    def penalty(self, step: Step) -> Tensor:
        """Zero."""
        return step.z.new_zeros(())


def paths(sizes: Sizes, device: str) -> list[Case]:
    """Cases of WAE-MMD with each architecture on each path; on a GPU also `executions`."""
    ways = (("fast, fp32", "fp32", FAST), ("fast, bf16", "bf16", FAST),
            ("plain, fp32", "fp32", Execution(plain=True)))
    every = [Case("training step", _what(architecture), who,
                  training(run(architecture, "mmd", sizes.width, precision), device, way).advance)
             for architecture in SIDES for who, precision, way in ways]
    return every if device == "cpu" else [*every, *executions(sizes, device)]


EXECUTIONS = {
    "bf16": FAST,
    "bf16, compiled": Execution(compiled=True),
    "bf16, forked": Execution(forked=True),
    "bf16, compiled and forked": Execution(compiled=True, forked=True),
    "fp32": FAST,
    "fp32, channels last": Execution(channels_last=True)}


def executions(sizes: Sizes, device: str) -> list[Case]:
    """Cases of MoCA's step with A2, executed in every way that might be faster on a GPU."""
    return [Case("training step", "MoCA step, a2, 64 images of 32 x 32", who,
                 training(run("a2", "moca", sizes.width, who[:4]), device, way).advance)
            for who, way in EXECUTIONS.items()]


def beside_pythae(sizes: Sizes, device: str, folder: Path) -> list[Case]:
    """Cases of A2's step, and of pythae's trainer with the same network and images."""
    ours = [Case("beside pythae", _what("a2"), f"fast, {precision}",
                 training(run("a2", "mmd", sizes.width, precision), device).advance)
            for precision in ("fp32", "bf16")]
    theirs = pythae_epoch(run("a2", "mmd", sizes.width), device, folder)
    return [*ours, Case("beside pythae", _what("a2"), "pythae's trainer", theirs, PYTHAE_BATCHES)]


def regularizers(sizes: Sizes, device: str) -> list[Case]:
    """Cases of A2 with every regularizer, and with none."""
    bare = training(run("a2", "mmd", sizes.width), device, regularizer=Nothing())
    every = {"no regularizer": bare} | {
        METHODS[name].label: training(run("a2", name, sizes.width), device) for name in METHODS}
    what = "step of A2, 64 images of 32 x 32, by regularizer"
    return [Case("regularizer in the step", what, name, one.advance) for name, one in every.items()]


def _what(architecture: str) -> str:
    side = SIDES[architecture]
    return f"WAE-MMD step, {architecture}, 64 images of {side} x {side}"


PYTHAE_SHAPE = (3, 32, 32)
PYTHAE_BATCHES = 2  # of an epoch that is timed as one


def pythae_epoch(run: Run, device: str, folder: Path) -> Callable[[], None]:
    """Trains on PYTHAE_BATCHES batches of 64 by pythae's `train_step`; writes to `folder`.

    Raises ImportError if pythae is not installed."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    x = images(BATCH * PYTHAE_BATCHES, 32).float() / 255
    logging.getLogger("pythae.trainers.base_trainer.base_trainer").setLevel(logging.WARNING)
    config = BaseTrainerConfig(output_dir=str(folder), per_device_train_batch_size=BATCH,
                               learning_rate=run.lr, no_cuda=device == "cpu")
    trainer = BaseTrainer(_pythae_model(run), BaseDataset(x, torch.zeros(len(x))),
                          training_config=config)
    trainer.prepare_training()

    def call() -> None:
        with redirect_stderr(io.StringIO()):  # its bar
            trainer.train_step(epoch=1)
    return call


def _pythae_model(run: Run) -> Any:
    """Pythae's WAE-MMD around the suite's encoder and decoder."""
    from pythae.models import WAE_MMD, WAE_MMD_Config
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    def wrapped(base: type[nn.Module], output: str, network: nn.Module) -> nn.Module:
        class Wrapped(base):  # type: ignore[misc, valid-type]
            def forward(self, x: Tensor) -> Any:
                return ModelOutput(**{output: self.network(x)})

        made: nn.Module = Wrapped()
        made.network = network
        return made

    encoder, decoder = autoencoder(run, PYTHAE_SHAPE, PRIORS[run.prior](run.dim))
    assert decoder is not None
    config = WAE_MMD_Config(input_dim=PYTHAE_SHAPE, latent_dim=run.dim, kernel_choice="imq")
    return WAE_MMD(config, wrapped(BaseEncoder, "embedding", encoder),
                   wrapped(BaseDecoder, "reconstruction", decoder))
