"""Entropic optimal transport: the debiased divergence, and the unrolled cost of the SAE paper."""

from geomloss import SamplesLoss
import ot
import torch
from torch import Tensor

from methods.base import Context, Regularizer, Step


class Sinkhorn(Regularizer):
    """Sinkhorn divergence with cost ||x - y||^2 and temperature eps (Feydy et al. 2019).

    geomloss uses the cost ||x - y||^2 / 2, hence the factor 2 and blur = sqrt(eps / 2). The
    diameter is given, since geomloss would otherwise read it back to the host at every step.
    """

    def __init__(self, context: Context, *, eps: float, debias: bool, scaling: float) -> None:
        super().__init__()
        self.half_divergence = SamplesLoss(
            "sinkhorn", p=2, blur=(eps / 2) ** 0.5, debias=debias, scaling=scaling,
            diameter=context.prior.diameter, backend="tensorized",
        )

    def penalty(self, step: Step) -> Tensor:
        """2 geomloss(z, prior), with the caller's gradient mode put back."""
        gradient = torch.is_grad_enabled()  # geomloss leaves it switched on
        try:
            loss: Tensor = 2 * self.half_divergence(step.z, step.prior)
        finally:
            torch.set_grad_enabled(gradient)
        return loss


class SharpSinkhorn(Regularizer):
    """SAE: <C, P> after a fixed number of Sinkhorn iterations, differentiated through them."""

    def __init__(self, context: Context, *, eps: float, iterations: int) -> None:
        super().__init__()
        self.eps, self.iterations = eps, iterations

    def penalty(self, step: Step) -> Tensor:
        """Transport cost of the entropic plan (Patrini et al. 2020, Algorithm 1) at ||x - y||^2."""
        z, prior = step.z, step.prior
        loss: Tensor = ot.sinkhorn2(
            z.new_full((len(z),), 1 / len(z)), z.new_full((len(prior),), 1 / len(prior)),
            ot.dist(z, prior), self.eps,
            method="sinkhorn_log", numItermax=self.iterations, stopThr=0, warn=False,
        )
        return loss
