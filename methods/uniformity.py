"""The negative term L_neg of contrastive learning, with gradient through every pair (Eq. 4, 5)."""

from collections.abc import Callable
from math import log

import torch
from torch import Tensor

from methods.base import Context, Regularizer, Step
from methods.priors import require_sphere


def leave_one_out(z: Tensor, tau: float) -> Tensor:
    """(1/B) sum_i log (1/(B-1)) sum_{j != i} exp(z_i.z_j / tau); z: (B, d)."""
    logits = z @ z.T / tau  # (B, B)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    return logits.masked_fill(itself, -torch.inf).logsumexp(dim=1).mean() - log(len(z) - 1)


def literal(z: Tensor, tau: float) -> Tensor:
    """Eq. 4 as printed; at small tau its constant term e^(1/tau) for j = i outweighs all others."""
    return (z @ z.T / tau).logsumexp(dim=1).mean() - log(len(z))


VARIANTS: dict[str, Callable[[Tensor, float], Tensor]] = {"loo": leave_one_out, "literal": literal}


class Uniformity(Regularizer):
    """L_neg among the codes of a batch (K = B), without momentum or queue.

    Raises ValueError for a prior other than the sphere and for an unknown variant."""

    def __init__(self, context: Context, *, tau: float, variant: str) -> None:
        super().__init__()
        require_sphere(context.prior, "uniformity")
        if variant not in VARIANTS:
            raise ValueError(f"uniformity has no variant {variant!r}; it has {', '.join(VARIANTS)}")
        self.tau, self.term = tau, VARIANTS[variant]

    def penalty(self, step: Step) -> Tensor:
        """The chosen variant of L_neg on the batch."""
        return self.term(step.z, self.tau)
