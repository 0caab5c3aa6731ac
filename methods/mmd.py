"""WAE-MMD: maximum mean discrepancy, inverse multiquadratic kernels (Tolstikhin et al. 2018)."""

import torch
from torch import Tensor

from methods.base import Context, Regularizer, Step
from methods.memory import Memory

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # wae.py, mmd_penalty


def imq_mmd(z: Tensor, prior: Tensor, base: float) -> Tensor:
    """Unbiased MMD^2, summed over scales s, with k(a, b) = C / (C + ||a - b||^2), C = s base.

    z: (n, d), prior: (m, d), n, m >= 2. Being unbiased, it is negative about half the time when
    both samples have the same distribution."""
    n, m = len(z), len(prior)
    zz, pp, zp = (squared_distances(a, b) for a, b in ((z, z), (prior, prior), (z, prior)))
    total = z.new_zeros(())
    for C in [scale * base for scale in SCALES]:
        within_z = ((C / (C + zz)).sum() - n) / (n * (n - 1))  # subtracts the terms k(a, a) = 1
        within_p = ((C / (C + pp)).sum() - m) / (m * (m - 1))
        total = total + within_z + within_p - 2 * (C / (C + zp)).mean()
    return total


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """||a_i - b_j||^2: (n, d), (m, d) -> (n, m), at least 0; diagonal exactly 0 if a is b."""
    squared = (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)
    if a is b:
        itself = torch.eye(len(a), dtype=torch.bool, device=a.device)
        squared = squared.masked_fill(itself, 0)
    return squared


def kernel_sum(a: Tensor, b: Tensor, base: float) -> Tensor:
    """Sum of the kernels of all scales over all pairs (a_i, b_j), () in double precision."""
    squared = squared_distances(a, b)
    total = squared.new_zeros((), dtype=torch.float64)
    for C in [scale * base for scale in SCALES]:
        total = total + (C / (C + squared)).sum(dtype=torch.float64)
    return total


class MMD(Regularizer):
    """MMD with seven IMQ kernels; their base constant is the prior's E ||p - p'||^2 (wae.py).

    `memory`: past codes that join the batch, without gradient; m0: see `Memory`. The sum over their
    pairs is kept and brought up to date, so that a step takes B x K kernels and not K x K."""

    within: Tensor  # () over all pairs of remembered codes, each with itself too

    def __init__(self, context: Context, *, memory: int, m0: float) -> None:
        super().__init__()
        self.base = context.prior.mean_squared_distance
        self.memory = Memory(context, memory, m0) if memory else None
        if self.memory is not None:
            codes = self.memory.codes.double()  # what is wrong here would stay
            sums = [kernel_sum(part, codes, self.base) for part in torch.split(codes, 100)]
            self.register_buffer("within", torch.stack(sums).sum())

    def penalty(self, step: Step) -> Tensor:
        """The U-statistic between the codes and the step's prior draws."""
        z, prior = step.z, step.prior
        if self.memory is None:
            return imq_mmd(z, prior, self.base)
        past, base = self.memory.codes, self.base
        n, m = len(z) + len(past), len(prior)
        zz = self.within + 2 * kernel_sum(z, past, base) + kernel_sum(z, z, base)
        zp = kernel_sum(z, prior, base) + kernel_sum(past, prior, base)
        pp, itself = kernel_sum(prior, prior, base), len(SCALES)  # k(a, a) = 1 at every scale
        squared = ((zz - itself * n) / (n * (n - 1)) + (pp - itself * m) / (m * (m - 1))
                   - 2 * zp / (n * m))
        return squared.to(z.dtype)

    @torch.no_grad()
    def after_step(self, step: Step) -> None:
        """Remembers the batch's codes."""
        if self.memory is not None:
            old, new = self.memory.remember(step)
            now, base = self.memory.codes, self.base
            self.within += 2 * (kernel_sum(new, now, base) - kernel_sum(old, now, base)
                                + kernel_sum(old, new, base))
            self.within -= kernel_sum(old, old, base) + kernel_sum(new, new, base)
