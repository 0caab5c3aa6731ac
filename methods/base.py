"""Interfaces of regularizers and objectives, their inputs, and the WAE objective."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from methods.networks import Encoder, EncoderBase
from methods.precision import call
from methods.priors import Prior


class Context(NamedTuple):
    """Inputs of a regularizer's constructor."""

    encoder: nn.Module  # x (B, ...) -> z (B, dim), already constrained to the prior's support
    dim: int
    n_train: int
    prior: Prior
    generator: torch.Generator  # the only source of a method's own random draws


@dataclass(frozen=True)
class Batch:
    """Inputs of an objective in one training step."""

    x: Tensor  # (B, ...)
    index: Tensor  # (B,) positions of x in the training set
    prior: Tensor  # (n, d) fresh draws from the prior
    progress: Tensor  # () fraction of the planned training steps that are done, in [0, 1)


@dataclass(frozen=True)
class Step:
    """Inputs of a regularizer in one training step; the arrays are those of `Batch`."""

    encoder: nn.Module
    x: Tensor  # (B, ...)
    index: Tensor  # (B,)
    z: Tensor  # (B, d) codes with gradient
    prior: Tensor  # (n, d)
    progress: Tensor  # ()


class Regularizer(nn.Module):
    """A distance between the codes of a batch and the prior.

    Only parameters, buffers and the state of `Context.generator` are checkpointed: keep no state
    elsewhere, change it in place, and take every random draw from that generator. If `penalty`
    branches on tensor values or reads them on the host, set `capturable = False`."""

    capturable = True  # as a CUDA graph; False if `penalty` makes the host wait for the GPU
    adversary_lr: float | None = None  # learning rate of the adversary's Adam; None: the run's
    adversary_beta1: float = 0.9  # decay of the first moment in that Adam

    def __init__(self, context: Context | None = None) -> None:
        """A method that needs nothing of its context has no constructor of its own."""
        super().__init__()

    def penalty(self, step: Step) -> Tensor:
        """Returns the differentiable scalar () that the encoder minimises."""
        raise NotImplementedError(f"{type(self).__name__} must define penalty(step)")

    def after_step(self, step: Step) -> None:
        """Runs after the encoder's optimizer step: a hook for momentum encoders and queues."""

    def adversary(self) -> nn.Module | None:
        """Returns a network that the loop trains on `adversary_loss` with its own optimizer."""
        return None

    def adversary_loss(self, step: Step) -> Tensor:
        """Returns the scalar () that the adversary minimises, after the encoder's update."""
        raise NotImplementedError(f"{type(self).__name__} has an adversary and no adversary_loss")


class Objective(nn.Module):
    """An encoder and the loss that trains it; the loop calls its regularizer's hooks, if any.

    A registered one is built from encoder, decoder, the generator for its own draws, and its
    hyper-parameters by name, `lam` among them if it is weighted."""

    encoder: nn.Module
    decoder: nn.Module | None
    regularizer: Regularizer | None
    mixed = False  # True: the decoder trains in bfloat16, with a float32 output
    capturable = True  # as a CUDA graph: `loss` neither reads nor branches on tensor values

    @staticmethod
    def outputs(dim: int) -> int:
        """The number of outputs of the network under the encoder."""
        return dim

    @staticmethod
    def encoder_on(network: nn.Module, prior: Prior) -> EncoderBase:
        """The encoder with that network: x (B, ...) -> codes (B, dim)."""
        return Encoder(network, prior)

    def decoded(self, z: Tensor) -> Tensor:
        """Decodes codes (B, dim) to points (B, ...)."""
        assert self.decoder is not None
        return call(self.decoder, z, self.mixed)

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Step]:
        """Returns scalars by name (all recorded, "loss" minimised) and the regularizer's Step."""
        raise NotImplementedError(f"{type(self).__name__} must define loss(batch)")


class WAE(Objective):
    """Wasserstein autoencoder: (1/B) sum ||x - g(f(x))||^2 + lam R (MoCA paper, Eq. 5).

    Without a decoder the loss is lam R, the latent-matching task of the paper's Figure 1."""

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module | None, regularizer: Regularizer, lam: float
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.lam = encoder, decoder, lam
        self.regularizer: Regularizer = regularizer
        self.capturable = regularizer.capturable

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Step]:
        """Reconstruction error, summed over pixels and averaged over the batch, plus lam x penalty.

        Raises TypeError for a penalty that is not a scalar tensor."""
        z = self.encoder(batch.x)
        step = Step(self.encoder, batch.x, batch.index, z, batch.prior, batch.progress)
        penalty = self.regularizer.penalty(step)
        if not isinstance(penalty, Tensor) or penalty.dim():
            found = isinstance(penalty, Tensor)
            shape = f"shape {tuple(penalty.shape)}" if found else repr(penalty)
            raise TypeError(f"{type(self.regularizer).__name__}.penalty must return a scalar "
                            f"tensor, not {shape}")
        if self.decoder is None:
            return {"loss": self.lam * penalty, "penalty": penalty}, step
        reconstruction = (self.decoded(z) - batch.x).square().sum() / len(z)
        loss = reconstruction + self.lam * penalty
        return {"loss": loss, "penalty": penalty, "reconstruction": reconstruction}, step
