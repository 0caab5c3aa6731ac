"""The contract of a method: its context, its view of a step, its hooks; and the WAE objective."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from methods.precision import autocast, full
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
    """Inputs of an objective in a step."""

    x: Tensor  # (B, ...)
    index: Tensor  # (B,) positions of x in the training set
    prior: Tensor  # (n, d) fresh draws from the prior
    progress: Tensor  # () fraction of the planned training that is done, in [0, 1)


@dataclass(frozen=True)
class Step:
    """Inputs of a regularizer in a step."""

    encoder: nn.Module
    x: Tensor  # (B, ...)
    index: Tensor  # (B,)
    z: Tensor  # (B, d) codes with gradient
    prior: Tensor  # (n, d)
    progress: Tensor  # ()


class Regularizer(nn.Module):
    """A distance between the codes of a batch and the prior.

    State is kept in parameters and buffers alone and changed in place; random draws come from
    `Context.generator`: both are checkpointed. If `penalty` branches on tensor values or reads them
    back to the host, set `capturable = False`."""

    capturable = True  # as a CUDA graph; False for a penalty that waits for what is on the GPU
    adversary_lr: float | None = None  # learning rate of the adversary's Adam; None: the run's
    adversary_beta1: float = 0.9  # and its first moment's decay

    def penalty(self, step: Step) -> Tensor:
        """Differentiable scalar that the encoder minimises."""
        raise NotImplementedError(f"{type(self).__name__} must define penalty(step)")

    def after_step(self, step: Step) -> None:
        """Called once the optimizer has moved the encoder: for momentum encoders and queues."""

    def adversary(self) -> nn.Module | None:
        """A network that the loop trains with its own optimizer against `adversary_loss`."""
        return None

    def adversary_loss(self, step: Step) -> Tensor:
        """Scalar that the adversary minimises, after the encoder's own update."""
        raise NotImplementedError(f"{type(self).__name__} has an adversary and no adversary_loss")


class Objective(nn.Module):
    """An encoder with a loss to minimise; the loop also serves its regularizer, if any."""

    encoder: nn.Module
    decoder: nn.Module | None
    regularizer: Regularizer | None
    mixed = False  # the decoder trains in bfloat16, but for its output
    capturable = True  # as a CUDA graph: no value of a tensor is read back or decides what is done

    def decoded(self, z: Tensor) -> Tensor:
        """Points (B, ...) of codes (B, dim)."""
        assert self.decoder is not None
        with autocast(self.decoder, z.device, self.mixed):
            x: Tensor = self.decoder(z)
        return full(x)

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Step]:
        """Scalars by name, of which `loss` is minimised and all are recorded; and the step seen."""
        raise NotImplementedError(f"{type(self).__name__} must define loss(batch)")


class WAE(Objective):
    """Wasserstein autoencoder: (1/B) sum ||x - g(f(x))||^2 + lam R (MoCA paper, Eq. 5).

    Without a decoder only R remains: the latent-matching task of the paper's Figure 1."""

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module | None, regularizer: Regularizer, lam: float
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.lam = encoder, decoder, lam
        self.regularizer: Regularizer = regularizer
        self.capturable = regularizer.capturable

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Step]:
        """Reconstruction, summed over pixels and averaged over the batch, plus lam x penalty."""
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
