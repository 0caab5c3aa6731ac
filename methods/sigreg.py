"""SIGReg: random slices against the prior's characteristic function (LeJEPA, arXiv 2511.08544)."""

import torch
from torch import Tensor

from methods.base import Context, Regularizer, Step
from methods.swd import directions

KNOTS, REACH = 17, 5.0  # of the trapezoidal rule on [-5, 5] (LeJEPA, Algorithm 1)


def slice_mismatch(slices: Tensor, knots: Tensor, expected: Tensor, weights: Tensor) -> Tensor:
    """B sum_t weight_t |(1/B) sum_i e^(it s_i) - expected_t|^2, averaged over slices.

    slices: (B, M), one slice a column; knots, expected (real), weights: (T,)."""
    angles = slices[..., None] * knots  # (B, M, T)
    real, imaginary = angles.cos().mean(dim=0), angles.sin().mean(dim=0)
    squared = (real - expected).square() + imaginary.square()  # (M, T)
    return len(slices) * (squared @ weights).mean()


class SIGReg(Regularizer):
    """B integral |phi_B(t) - phi_0(t)|^2 e^(-t^2 / 2) dt, the Epps-Pulley statistic of a slice.

    Averaged over directions that are drawn again at every step; phi_0 is the prior's in closed
    form, so no prior draws are used."""

    knots: Tensor
    expected: Tensor
    weights: Tensor

    def __init__(self, context: Context, *, projections: int) -> None:
        super().__init__()
        self.projections, self.dim, self.generator = projections, context.dim, context.generator
        self.scale = context.prior.unit_variance_scale
        # half of the knots: the integrand is even, and 0 at t = 0
        knots = torch.linspace(0, REACH, KNOTS // 2 + 1, dtype=torch.float64)[1:]
        expected = [context.prior.slice_characteristic(t) for t in knots.tolist()]
        weights = 2 * knots[0] * torch.exp(-knots.square() / 2)
        weights[-1] /= 2
        self.register_buffer("knots", knots, persistent=False)
        self.register_buffer("expected", knots.new_tensor(expected), persistent=False)
        self.register_buffer("weights", weights, persistent=False)

    def penalty(self, step: Step) -> Tensor:
        """The statistic of the batch's codes, scaled to slices of unit variance."""
        projections = directions(self.projections, self.dim, self.generator).to(step.z)
        table = (each.to(step.z.dtype) for each in (self.knots, self.expected, self.weights))
        return slice_mismatch(self.scale * step.z @ projections, *table)
