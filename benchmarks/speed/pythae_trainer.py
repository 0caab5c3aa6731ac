"""pythae's WAE-MMD and its trainer, with the suite's networks."""

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
from benchmarks.speed.cases import BATCH, images
from methods.priors import PRIORS

SHAPE = (3, 32, 32)
BATCHES = 2  # of an epoch that is timed as one


def epoch(run: Run, device: str, folder: Path) -> Callable[[], None]:
    """Trains on BATCHES batches of 64, as pythae's trainer does in `train_step`; it writes there.

    Raises ImportError where pythae is not installed.
    """
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    x = images(BATCH * BATCHES, 32).float() / 255
    logging.getLogger("pythae.trainers.base_trainer.base_trainer").setLevel(logging.WARNING)
    config = BaseTrainerConfig(output_dir=str(folder), per_device_train_batch_size=BATCH,
                               learning_rate=run.lr, no_cuda=device == "cpu")
    trainer = BaseTrainer(_model(run), BaseDataset(x, torch.zeros(len(x))), training_config=config)
    trainer.prepare_training()

    def call() -> None:
        with redirect_stderr(io.StringIO()):  # its bar
            trainer.train_step(epoch=1)
    return call


def _model(run: Run) -> Any:
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

    encoder, decoder = autoencoder(run, SHAPE, PRIORS[run.prior](run.dim))
    assert decoder is not None
    config = WAE_MMD_Config(input_dim=SHAPE, latent_dim=run.dim, kernel_choice="imq")
    return WAE_MMD(config, wrapped(BaseEncoder, "embedding", encoder),
                   wrapped(BaseDecoder, "reconstruction", decoder))
