"""Entropic optimal transport: the Sinkhorn divergence, and the transport cost of the SAE paper."""

from math import log

from geomloss import SamplesLoss
import torch
from torch import Tensor

from methods.base import Context, Regularizer, Step
from methods.mmd import squared_distances


class Sinkhorn(Regularizer):
    """Sinkhorn divergence with cost ||x - y||^2 and temperature eps (Feydy et al. 2019).

    geomloss uses the cost ||x - y||^2 / 2, hence the factor 2 and blur = sqrt(eps / 2). The
    diameter is passed, since geomloss would otherwise read one on the host at every step."""

    def __init__(self, context: Context, *, eps: float, debias: bool, scaling: float) -> None:
        super().__init__()
        self.half_divergence = SamplesLoss(
            "sinkhorn", p=2, blur=(eps / 2) ** 0.5, debias=debias, scaling=scaling,
            diameter=context.prior.diameter, backend="tensorized")

    def penalty(self, step: Step) -> Tensor:
        """2 geomloss(z, prior); restores the caller's gradient mode, which geomloss switches on."""
        # weights are passed, since geomloss would make them on the host
        w, v = (x.new_full((len(x),), 1 / len(x)) for x in (step.z, step.prior))
        gradient = torch.is_grad_enabled()
        try:
            loss: Tensor = 2 * self.half_divergence(w, step.z, v, step.prior)
        finally:
            torch.set_grad_enabled(gradient)
        return loss


def sharp_cost(z: Tensor, prior: Tensor, eps: float, iterations: int) -> Tensor:
    """<C, P>, C = ||x - y||^2, with the plan P after `iterations` log-domain Sinkhorn iterations.

    z: (n, d), prior: (m, d), uniform weights; eps: the temperature. POT's sinkhorn2 computes the
    same, but reads its marginal error on the host."""
    cost = squared_distances(z, prior)  # (n, m)
    u, v = z.new_zeros(len(z)), z.new_zeros(len(prior))
    for _ in range(iterations):
        v = -log(len(prior)) - (u[:, None] - cost / eps).logsumexp(dim=0)
        u = -log(len(z)) - (v - cost / eps).logsumexp(dim=1)
    return (torch.exp(u[:, None] + v - cost / eps) * cost).sum()


class SharpSinkhorn(Regularizer):
    """SAE: <C, P> after a fixed number of Sinkhorn iterations, differentiated through them."""

    def __init__(self, context: Context, *, eps: float, iterations: int) -> None:
        super().__init__()
        self.eps, self.iterations = eps, iterations

    def penalty(self, step: Step) -> Tensor:
        """Transport cost of the entropic plan (Patrini et al. 2020, Algorithm 1)."""
        return sharp_cost(step.z, step.prior, self.eps, self.iterations)
