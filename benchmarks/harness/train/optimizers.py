"""Optimizers of a run: Adam for the objective, and another Adam for its adversary."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.harness.spec.run import Run
from methods.base import Objective

BETA1 = 0.9  # torch's default, as the others are (A25)


class Optimizers:
    """The main optimizer and, where the objective has an adversary, the adversary's."""

    def __init__(self, objective: Objective, run: Run) -> None:
        regularizer = objective.regularizer
        self.network = regularizer.adversary() if regularizer else None
        against = list(self.network.parameters()) if self.network else []
        others = set(against)
        own = [p for p in objective.parameters() if p.requires_grad and p not in others]
        self.factor = 1.0  # of the rates that the optimizers have now
        self.rates = {"main": run.lr}
        self.adams = {"main": _adam(own, run.lr, run.beta1 or BETA1)}
        if regularizer and self.network:
            self.rates["adversary"] = lr = regularizer.adversary_lr or run.lr
            self.adams["adversary"] = _adam(against, lr, regularizer.adversary_beta1)

    def set_rates(self, factor: float) -> None:
        """Sets each learning rate to its initial value times the factor, if that has changed."""
        if factor == self.factor:
            return
        self.factor = factor
        for name, optimizer in self.adams.items():
            group, rate = optimizer.param_groups[0], self.rates[name] * factor
            if isinstance(group["lr"], Tensor):  # in place: a CUDA graph reads it there
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def freeze_adversary(self, frozen: bool) -> None:
        """Switches the adversary's gradients off while the objective is minimised, and on again."""
        if self.network:
            self.network.requires_grad_(not frozen)

    def minimise(self, loss: Tensor, name: str) -> None:
        """A step of "main" or "adversary" down the loss."""
        self.adams[name].zero_grad()
        torch.autograd.backward(loss)
        self.adams[name].step()

    def state(self) -> dict[str, Any]:
        """The checkpoint from which `restore` continues."""
        return {name: optimizer.state_dict() for name, optimizer in self.adams.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`, also from a run with another memory layout."""
        for name, optimizer in self.adams.items():
            rate = optimizer.param_groups[0]["lr"]
            optimizer.load_state_dict(state[name])
            optimizer.param_groups[0]["lr"] = rate  # `set_rates` has the last word
            for parameter, moments in optimizer.state.items():
                for kind, moment in moments.items():
                    if moment.shape == parameter.shape:
                        moments[kind] = torch.empty_like(parameter).copy_(moment)


def _adam(parameters: Iterable[nn.Parameter], lr: float, beta1: float) -> torch.optim.Adam:
    """Fused Adam: one kernel for all parameters; on a GPU, no state on the host."""
    own = list(parameters)
    if not own[0].is_cuda:
        return torch.optim.Adam(own, lr=lr, betas=(beta1, 0.999), fused=True)
    rate = torch.tensor(lr, device=own[0].device)
    return torch.optim.Adam(own, lr=rate, betas=(beta1, 0.999), fused=True, capturable=True)
