"""MoCA: momentum contrast as a latent-matching regularizer (MoCA paper, Algorithm 1)."""

from copy import deepcopy
from math import log
from typing import Any

import torch
from torch import Tensor

from methods.base import Context, Regularizer, Step
from methods.memory import follow, next_slots
from methods.priors import require_sphere


class _LogSumExp(torch.autograd.Function):
    """log sum_j exp(q.k_j) over fixed keys (K, d), except those marked `own`: (B, d) -> (B,).

    Holds one (B, K) array and works in place, where autograd would hold several: with thousands of
    keys these arrays take most of a step's time."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, keys: Tensor, own: Tensor | None) -> Tensor:
        weight = q @ keys.T  # (B, d) @ (d, K) = (B, K)
        if own is not None:
            weight.masked_fill_(own, -torch.inf)
        largest = weight.amax(dim=1, keepdim=True)
        total = weight.sub_(largest).exp_().sum(dim=1, keepdim=True)
        ctx.save_for_backward(weight, total, keys)
        return (total.log() + largest)[:, 0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        weight, total, keys = ctx.saved_tensors
        return gradient[:, None] / total * (weight @ keys), None, None


def contrastive_loss(
    q: Tensor, k: Tensor, queue: Tensor, tau: float, own: Tensor | None, decoupled: bool
) -> Tensor:
    """Mean cross entropy of each query's positive key against the queue's K keys (Algorithm 1).

    q, k: (B, d) queries and their positive keys; queue: (K, d). `own` (B, K) marks stale keys of
    the query's own image, which are left out of its negatives. `decoupled` leaves the positive out
    of the denominator."""
    positive = (q * k).sum(dim=1) / tau  # (B,)
    denominator: Tensor = _LogSumExp.apply(q / tau, queue, own)  # (B,)
    if not decoupled:
        denominator = torch.logaddexp(denominator, positive)
    return (denominator - positive).mean()


class Contrastive(Regularizer):
    """MoCA's regularizer: a momentum encoder and a queue of K past keys.

    The key encoder starts as a copy of the encoder and averages parameters only. It stays in
    training mode, since in evaluation mode its untrained batch-norm statistics would collapse the
    keys. Raises ValueError for a prior other than the sphere, and for a batch larger than K."""

    queue: Tensor
    owner: Tensor
    pointer: Tensor

    def __init__(
        self, context: Context, *, tau: float, K: int, m0: float, mask_self: bool, decoupled: bool
    ) -> None:
        super().__init__()
        require_sphere(context.prior, "contrastive")
        self.tau, self.m0, self.mask_self, self.decoupled = tau, m0, mask_self, decoupled
        self.key_encoder = deepcopy(context.encoder).requires_grad_(False)
        queue = context.prior.sample(K, context.generator)
        self.register_buffer("queue", queue)
        self.register_buffer("owner", torch.full((K,), -1, device=queue.device))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long, device=queue.device))

    def penalty(self, step: Step) -> Tensor:
        """L_con of Algorithm 1."""
        if len(step.z) > len(self.queue):
            raise ValueError(f"the queue (K={len(self.queue)}) is shorter than a batch "
                             f"({len(step.z)}); the paper asks K >= B (Section 3)")
        with torch.no_grad():
            self.keys = self.key_encoder(step.x)
        own = self.owner == step.index[:, None] if self.mask_self else None
        return self.loss(step.z, self.keys, own)

    def loss(self, q: Tensor, k: Tensor, own: Tensor | None) -> Tensor:
        """Returns `contrastive_loss` of the queries and their positive keys."""
        return contrastive_loss(q, k, self.queue, self.tau, own, self.decoupled)

    @torch.no_grad()
    def after_step(self, step: Step) -> None:
        """Updates the key encoder, then the queue: this batch's keys replace the oldest."""
        follow(self.key_encoder, step.encoder, step.progress, self.m0)
        slots = next_slots(self.pointer, len(self.keys), len(self.queue))
        self.queue.index_copy_(0, slots, self.keys)
        self.owner.index_copy_(0, slots, step.index)


class Repulsion(Contrastive):
    """MoCA without its positive term: past keys repel, nothing aligns query and key (Section 3).

    R = mean_i log (1/K) sum_j exp(z_i.k_j / tau), Eq. 5 over the queue of Algorithm 1."""

    def __init__(self, context: Context, *, tau: float, K: int, m0: float) -> None:
        super().__init__(context, tau=tau, K=K, m0=m0, mask_self=False, decoupled=False)

    def loss(self, q: Tensor, k: Tensor, own: Tensor | None) -> Tensor:
        """Returns R; the positive keys k only enter the queue."""
        repelled: Tensor = _LogSumExp.apply(q / self.tau, self.queue, own)
        return repelled.mean() - log(len(self.queue))
