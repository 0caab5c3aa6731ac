"""Builds a run's networks, regularizer and objective; weights as bytes and back."""

from collections.abc import Iterator
from contextlib import contextmanager
import importlib
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
import safetensors.torch
import torch
from torch import nn

from benchmarks.harness.data.seeding import stream
from benchmarks.harness.errors import UsageError
from benchmarks.harness.measure.trained_model import Model
from benchmarks.harness.spec.hyperparameters import complete
from benchmarks.harness.spec.run import Run
from benchmarks.harness.train.device import single_precision
from benchmarks.harness.train.user_method import load_module, regularizer_in
from methods import METHODS, OBJECTIVES, Method
from methods.architectures import ARCHITECTURES
from methods.base import WAE, Context, Objective, Regularizer
from methods.networks import EncoderBase, Plan
from methods.priors import PRIORS, Prior


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
    found: type[Regularizer] = _imported(METHODS[run.method])
    return found


def objective_class(run: Run) -> type[Objective]:
    """The class of the run's loss: a registered objective, or WAE."""
    return _imported(OBJECTIVES[run.objective]) if run.objective in OBJECTIVES else WAE


def _imported(method: Method) -> Any:
    module, name = method.where.split(":")
    return getattr(importlib.import_module(f"methods.{module}"), name)


def autoencoder(
    run: Run, shape: tuple[int, ...], prior: Prior
) -> tuple[EncoderBase, nn.Module | None]:
    """Encoder and decoder with their initial weights; a latent-matching run has no decoder."""
    kind = objective_class(run)
    with seeded(stream(run.seed, "weights")):
        plan = Plan(shape, run.dim, kind.outputs(run.dim), run.width or 1.0, run.decoder_start or 4)
        networks = ARCHITECTURES[run.architecture](plan)
    decoder = None if run.objective == "latent" else networks.decoder
    return kind.encoder_on(networks.encoder, prior), decoder


def build(
    run: Run, shape: tuple[int, ...], prior: Prior, draws: torch.Generator, method_file: Path
) -> Objective:
    """The objective with its networks, on the device of `draws`."""
    encoder, decoder = autoencoder(run, shape, prior)
    encoder, decoder = encoder.to(draws.device), decoder and decoder.to(draws.device)
    encoder.mixed = mixed = run.precision == "bf16"
    objective: Objective
    if run.objective in OBJECTIVES:
        weight = {"lam": run.lam} if OBJECTIVES[run.objective].weighted else {}
        objective = objective_class(run)(encoder, decoder, draws, **weight, **complete(run))
    else:
        objective = WAE(encoder, decoder, regularizer(run, encoder, prior, draws, method_file),
                        run.lam)
    objective.mixed = mixed
    return objective


def regularizer(
    run: Run, encoder: nn.Module, prior: Prior, draws: torch.Generator, method_file: Path
) -> Regularizer:
    """The run's regularizer with its initial weights, on the device of `draws`."""
    context = Context(encoder, run.dim, run.n_train, prior, draws)
    with seeded(stream(run.seed, "method weights")):
        kind = regularizer_class(run, method_file)
        return kind(context, **complete(run)).to(draws.device)


NETWORKS = ("encoder.", "decoder.")


def weights_to_bytes(objective: Objective) -> bytes:
    """Weights and buffers of encoder and decoder as a safetensors file."""
    return safetensors.torch.save({
        name: value.contiguous() for name, value in objective.state_dict().items()
        if name.startswith(NETWORKS)})


def load_model(run: Run, shape: tuple[int, ...], path: Path, device: str) -> Model:
    """Encoder and decoder for points of that shape, trained, in evaluation mode.

    Raises UsageError for a file that is corrupt."""
    networks = nn.ModuleDict()
    networks["encoder"], decoder = autoencoder(run, shape, PRIORS[run.prior](run.dim))
    if decoder is not None:
        networks["decoder"] = decoder
    try:
        networks.load_state_dict(safetensors.torch.load(path.read_bytes()))
    except (SafetensorError, RuntimeError):
        raise UsageError(f"{path} is corrupt; remove its folder to train the run again") from None
    # the layout of training, so that a curve's last value equals the measure bit for bit
    networks.to(device).to(memory_format=layout(run, device)).eval()
    return Model(networks["encoder"], networks["decoder"] if decoder is not None else None)


@contextmanager
def evaluated(objective: Objective) -> Iterator[Model]:
    """The model of a training in progress, evaluated in fp32; back in training mode after."""
    model = Model(objective.encoder, getattr(objective, "decoder", None))
    parts = [part for part in model if part is not None]
    for part in parts:
        part.eval()
    try:
        with torch.no_grad(), single_precision():
            yield model
    finally:
        for part in parts:
            part.train()


CHANNELS_LAST = {"cpu": ("a2", "residual"), "cuda": ("a1", "a2", "residual")}
# A2's shortcuts are strided 1x1 convolutions; with channels last and fewer than 8 of its 64
# channels oneDNN's backward pass writes past its buffer on processors without AVX-512
# (oneDNN issue 6035)
NARROWEST = {"a2": 8 / 64}


def layout(run: Run, device: str) -> torch.memory_format:
    """Channels last where it is faster and safe.

    On a GPU that is in bfloat16, as its tensor cores take it. On a processor A1's 5x5 kernels are
    slower that way, and a narrow A2 crashes."""
    kind = torch.device(device).type
    unsafe = kind == "cpu" and (run.width or 1) < NARROWEST.get(run.architecture, 0)
    faster = (run.architecture in CHANNELS_LAST.get(kind, ())
              and (kind == "cpu" or run.precision == "bf16"))
    return torch.channels_last if faster and not unsafe else torch.contiguous_format
