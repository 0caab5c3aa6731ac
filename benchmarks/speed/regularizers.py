"""A regularizer alone, forward and backward, beside libraries that have it."""

from collections.abc import Callable
import math

import torch
from torch import Tensor, nn

from benchmarks.speed.cases import Case, Sizes
from methods.base import Context, Regularizer, Step
from methods.contrastive import contrastive_loss
from methods.cramer_wold import CramerWold
from methods.mmd import imq_mmd
from methods.priors import Sphere
from methods.sinkhorn import Sinkhorn, sharp_cost
from methods.swd import directions, sliced_w2_squared
from methods.uniformity import leave_one_out

POT_UP_TO = 256  # codes: its Sinkhorn iterations take half a minute with a thousand
PROJECTIONS, ITERATIONS, QUEUE = 50, 50, 30_000
Loss = Callable[[Tensor, Tensor], Tensor]


def alone(sizes: Sizes, device: str) -> list[Case]:
    """Cases of every regularizer by number of codes and dimension; POT's Sinkhorn at small ones."""
    found = []
    for n in sizes.batches:
        for dim in sizes.dims:
            prior, draws = Sphere(dim), torch.Generator(device).manual_seed(0)
            z = prior.sample(n, draws).requires_grad_()
            other = prior.sample(n, draws)
            for what, who, loss in _losses(dim, draws):
                if who == "POT" and "Sinkhorn" in what and n > POT_UP_TO:
                    continue
                found.append(Case("regularizer alone", f"{what}, B = {n}, d = {dim}", who,
                                  _backward(loss, z, other)))
    return found


def _backward(loss: Loss, z: Tensor, other: Tensor) -> Callable[[], None]:
    def call() -> None:
        z.grad = None
        torch.autograd.backward(loss(z, other))
    return call


def _losses(dim: int, draws: torch.Generator) -> list[tuple[str, str, Loss]]:
    """(what, whose, function of codes (B, d) and prior draws (B, d)) per case."""
    import ot
    prior = Sphere(dim)
    context = Context(nn.Identity(), dim, 1, prior, draws)
    queue = prior.sample(QUEUE, draws)
    return [
        ("MMD", "ours", lambda z, p: imq_mmd(z, p, 2.0)),
        ("MMD", "geomloss, energy distance", _geomloss("energy")),
        ("SWD", "ours", lambda z, p: sliced_w2_squared(z, p, directions(PROJECTIONS, dim, draws))),
        ("SWD", "POT", lambda z, p: ot.sliced_wasserstein_distance(
            z, p, projections=directions(PROJECTIONS, dim, draws))),
        ("Sinkhorn divergence", "ours (by geomloss)", _penalty(
            Sinkhorn(context, eps=1.0, debias=True, scaling=0.5))),
        ("Sinkhorn divergence", "POT", _pot_divergence),
        ("Sinkhorn, unrolled", "ours", lambda z, p: sharp_cost(z, p, 0.1, ITERATIONS)),
        ("Sinkhorn, unrolled", "POT", _pot_unrolled),
        ("Cramer-Wold", "ours", _penalty(CramerWold(context, log=True))),
        ("Cramer-Wold", "geomloss, Gaussian kernel", _geomloss("gaussian")),
        ("uniformity", "ours", lambda z, p: leave_one_out(z, 0.05)),
        ("MoCA, K = 30000", "ours", lambda z, p: contrastive_loss(
            z, p, queue, 0.05, None, decoupled=False)),
        ("MoCA, K = 30000", "torch's cross entropy", lambda z, p: _cross_entropy(z, p, queue))]


def _penalty(regularizer: Regularizer) -> Loss:
    def loss(z: Tensor, p: Tensor) -> Tensor:
        index = torch.arange(len(z), device=z.device)
        return regularizer.penalty(Step(regularizer, z, index, z, p, z.new_zeros(())))
    return loss


def _geomloss(kind: str) -> Loss:
    from geomloss import SamplesLoss
    loss: Loss = SamplesLoss(kind, blur=math.sqrt(0.5), backend="tensorized")
    return loss


def _pot_divergence(z: Tensor, p: Tensor) -> Tensor:
    import ot
    one, two, both = (ot.solve_sample(a, b, reg=1.0, grad="envelope").value
                      for a, b in ((z, z), (p, p), (z, p)))
    found: Tensor = both - (one + two) / 2
    return found


def _pot_unrolled(z: Tensor, p: Tensor) -> Tensor:
    import ot
    weights = z.new_full((len(z),), 1 / len(z))
    found: Tensor = ot.sinkhorn2(weights, weights, ot.dist(z, p), 0.1, method="sinkhorn_log",
                                 numItermax=ITERATIONS, stopThr=0, warn=False)
    return found


def _cross_entropy(q: Tensor, k: Tensor, queue: Tensor) -> Tensor:
    """Algorithm 1 as printed, and as in MoCo's code."""
    logits = torch.cat([(q * k).sum(dim=1, keepdim=True), q @ queue.T], dim=1) / 0.05
    return nn.functional.cross_entropy(logits, torch.zeros_like(logits[:, 0], dtype=torch.long))
