"""How evenly codes spread over the directions of the latent space (Figure 3)."""

import torch
from torch import Tensor


def singular_values(z: Tensor) -> Tensor:
    """(d,) singular values of uncentred codes (n, d), descending, over sqrt(n / d).

    Codes that are uniform on the unit sphere have all of them at 1 for large n.
    """
    values: Tensor = torch.linalg.svdvals(z.double())
    values /= (len(z) / z.shape[1]) ** 0.5
    return values


def isotropy(z: Tensor) -> dict[str, float]:
    """Condition number, coefficient of variation, and effective rank (Roy and Vetterli 2007).

    The effective rank is that of the codes' second moment: exp of the entropy of its eigenvalues,
    the squared singular values, taken as a distribution.
    """
    values = singular_values(z)
    share = values.square() / values.square().sum()
    entropy = -(share * share.clamp(min=torch.finfo(share.dtype).tiny).log()).sum()
    return {
        "sv_condition": float(values[0] / values[-1]),
        "sv_cv": float(values.std(correction=0) / values.mean()),
        "effective_rank": float(entropy.exp()),
    }
