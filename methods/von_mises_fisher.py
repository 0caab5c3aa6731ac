"""The von Mises-Fisher distribution on the sphere: sampling, and its KL from the uniform one."""

from math import lgamma, log, pi
from typing import Any

from scipy.special import ive
import torch
from torch import Tensor
from torch.nn.functional import normalize

from methods.priors import Sphere

MAX_DIM = 32  # above it the Bessel functions underflow at small kappa
# of the sampler; each accepts about three in five proposals, or next to none where kappa is so
# large that rounding decides (from 1e7 on in float32)
MAX_ROUNDS = 200


def mean_resultant(kappa: Tensor, dim: int) -> Tensor:
    """A(kappa) = I_{m/2}(kappa) / I_{m/2-1}(kappa), the mean of mu.z; m = dim, in float64."""
    k = kappa.detach().double().cpu().numpy()
    return torch.from_numpy(ive(dim / 2, k) / ive(dim / 2 - 1, k)).to(kappa.device)


class _Divergence(torch.autograd.Function):
    """KL(vMF(mu, kappa) || U) with its derivative kappa A'(kappa), since scipy has no autograd."""

    @staticmethod
    def forward(ctx: Any, kappa: Tensor, dim: int) -> Tensor:
        k, order = kappa.detach().double(), dim / 2 - 1
        a = mean_resultant(kappa, dim)
        log_bessel = torch.from_numpy(ive(order, k.cpu().numpy())).log().to(k.device) + k
        log_c = order * k.log() - dim / 2 * log(2 * pi) - log_bessel
        log_area = log(2) + dim / 2 * log(pi) - lgamma(dim / 2)
        # A' = 1 - A^2 - (m-1) A / kappa, from the recurrence of the Bessel functions
        ctx.save_for_backward((k * (1 - a * a) - (dim - 1) * a).to(kappa.dtype))
        return (k * a + log_c + log_area).to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return gradient * slope, None


def divergence_from_uniform(kappa: Tensor, dim: int) -> Tensor:
    """KL(vMF(mu, kappa) || U(S^(m-1))) = kappa A + log C_m(kappa) + log |S^(m-1)|, m = dim.

    Elementwise in kappa > 0 (Davidson et al. 2018, Eq. 14). Raises ValueError for dim > 32."""
    if dim > MAX_DIM:
        raise ValueError(f"the von Mises-Fisher law is implemented for dim <= {MAX_DIM}, not {dim}")
    value: Tensor = _Divergence.apply(kappa, dim)
    return value


def sample(mu: Tensor, kappa: Tensor, generator: torch.Generator) -> Tensor:
    """Draws (n, m) from vMF around the unit vectors mu (n, m) with concentrations kappa (n, 1).

    Wood's rejection sampler of mu.z, reparametrised: gradients flow to mu and kappa through the
    accepted proposals, without the correction for acceptance (as in Davidson et al. 2018)."""
    n, dim = mu.shape
    # Wood's b in a form without cancellation at large kappa
    b = (dim - 1) / (2 * kappa + (4 * kappa**2 + (dim - 1) ** 2).sqrt())
    epsilon = _accepted(b.detach(), kappa.detach(), dim, generator)
    w = (1 - (1 + b) * epsilon) / (1 - (1 - b) * epsilon)  # (n, 1), the cosine to mu
    # a uniform direction orthogonal to mu
    free = Sphere(dim).sample(n, generator).to(mu)
    across = normalize(free - (free * mu).sum(1, keepdim=True) * mu, dim=1)
    return normalize(w * mu + (1 - w**2).clamp(min=1e-10).sqrt() * across, dim=1)


def _accepted(b: Tensor, kappa: Tensor, dim: int, generator: torch.Generator) -> Tensor:
    """Returns proposals (n, 1) from Beta((m-1)/2, (m-1)/2), each accepted by Wood's test.

    NaN where kappa is not finite or none of MAX_ROUNDS proposals passes; the loss then is NaN
    too."""
    x = (1 - b) / (1 + b)
    c = kappa * x + (dim - 1) * torch.log(4 * b / (1 + b) ** 2)  # 1 - x^2
    epsilon = torch.full_like(b, torch.nan)
    open_ = kappa[:, 0].isfinite()
    for _ in range(MAX_ROUNDS):
        if not open_.any():
            break
        # (1 + u_1) / 2 has this Beta distribution if u is uniform on the unit sphere of R^m
        proposal = (1 + Sphere(dim).sample(len(b), generator)[:, :1].to(b)) / 2
        w = (1 - (1 + b) * proposal) / (1 - (1 - b) * proposal)
        level = torch.rand(b.shape, generator=generator, device=b.device, dtype=b.dtype).log()
        passed = kappa * w + (dim - 1) * torch.log(1 - x * w) - c >= level
        taken = open_ & passed[:, 0]
        epsilon[taken] = proposal[taken]
        open_ &= ~taken
    return epsilon
