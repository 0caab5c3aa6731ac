"""WAE-MMD: maximum mean discrepancy, inverse multiquadratic kernels (Tolstikhin et al. 2018)."""

import torch
from torch import Tensor

from methods.base import Context, Regularizer, Step

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


class MMD(Regularizer):
    """MMD with seven IMQ kernels; their base constant is the prior's E ||p - p'||^2 (wae.py)."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.base = context.prior.mean_squared_distance

    def penalty(self, step: Step) -> Tensor:
        """The U-statistic between the batch's codes and the step's prior draws."""
        return imq_mmd(step.z, step.prior, self.base)
