"""From a run's fields to its networks, its regularizer and its objective."""

from collections.abc import Iterator
from contextlib import contextmanager
import importlib
from pathlib import Path

import torch
from torch import nn

from benchmarks.harness.data.seeding import stream
from benchmarks.harness.spec.run import Run
from benchmarks.harness.train.user_method import load_module, regularizer_in
from methods import METHODS
from methods.architectures import ARCHITECTURES
from methods.base import WAE, Context, Objective, Regularizer
from methods.networks import Encoder, Plan
from methods.priors import Prior
from methods.svae import SVAE, VonMisesEncoder


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Fixes the CPU's global generator inside, for initial weights, and restores it after."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def regularizer_class(run: Run, method_file: Path) -> type[Regularizer]:
    """The class behind the run's method: the registry's, or the one in `method_file`."""
    if run.revision.startswith("sha256:"):
        return regularizer_in(load_module(method_file))
    module, name = METHODS[run.method].where.split(":")
    found: type[Regularizer] = getattr(importlib.import_module(f"methods.{module}"), name)
    return found


def autoencoder(
    run: Run, shape: tuple[int, ...], prior: Prior
) -> tuple[Encoder | VonMisesEncoder, nn.Module | None]:
    """Encoder and decoder with their initial weights; a latent-matching run has no decoder."""
    outputs = run.dim + (1 if run.objective == "svae" else 0)  # one more for the concentration
    with seeded(stream(run.seed, "weights")):
        plan = Plan(shape, run.dim, outputs, run.width or 1.0, run.decoder_start or 4)
        networks = ARCHITECTURES[run.architecture](plan)
    if run.objective == "svae":
        return VonMisesEncoder(networks.encoder), networks.decoder
    decoder = networks.decoder if run.objective == "wae" else None
    return Encoder(networks.encoder, prior), decoder


def build(
    run: Run, shape: tuple[int, ...], prior: Prior, draws: torch.Generator, method_file: Path
) -> Objective:
    """The objective with its networks, on the device of `draws`."""
    encoder, decoder = autoencoder(run, shape, prior)
    encoder, decoder = encoder.to(draws.device), decoder and decoder.to(draws.device)
    encoder.mixed = mixed = run.precision == "bf16"
    objective: Objective
    if isinstance(encoder, VonMisesEncoder) and decoder:
        objective = SVAE(encoder, decoder, draws)
    else:
        context = Context(encoder, run.dim, run.n_train, prior, draws)
        with seeded(stream(run.seed, "method weights")):
            kind = regularizer_class(run, method_file)
            regularizer = kind(context, **dict(run.hyper)).to(draws.device)
        objective = WAE(encoder, decoder, regularizer, run.lam)
    objective.mixed = mixed
    return objective
