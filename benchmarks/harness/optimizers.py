"""The optimizers of a run: Adam for what the objective minimises, and another for its adversary."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.harness.run import Run
from methods.base import Objective

BETA1 = 0.9  # torch's default, as the others are (A25)


class Optimizers:
    """The main optimizer and, where the objective has an adversary, the adversary's."""

    def __init__(self, objective: Objective, run: Run) -> None:
        self.network = objective.adversary()
        against = list(self.network.parameters()) if self.network else []
        others = set(against)
        own = [p for p in objective.parameters() if p.requires_grad and p not in others]
        self.rates = {"main": run.lr}
        self.adams = {"main": _adam(own, run.lr, run.beta1 or BETA1)}
        if self.network:
            self.rates["adversary"] = lr = objective.adversary_lr or run.lr
            self.adams["adversary"] = _adam(against, lr, objective.adversary_beta1)

    def set_rates(self, factor: float) -> None:
        """The learning rates at which the run began, times the factor."""
        for name, optimizer in self.adams.items():
            optimizer.param_groups[0]["lr"] = self.rates[name] * factor

    def freeze_adversary(self, frozen: bool) -> None:
        """While the objective is minimised, no gradient goes to the adversary."""
        if self.network:
            self.network.requires_grad_(not frozen)

    def minimise(self, loss: Tensor, name: str) -> None:
        """A step of "main" or "adversary" down the loss."""
        self.adams[name].zero_grad()
        torch.autograd.backward(loss)
        self.adams[name].step()

    def state(self) -> dict[str, Any]:
        """What `restore` goes on from."""
        return {name: optimizer.state_dict() for name, optimizer in self.adams.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        for name, optimizer in self.adams.items():
            optimizer.load_state_dict(state[name])


def _adam(parameters: Iterable[nn.Parameter], lr: float, beta1: float) -> torch.optim.Adam:
    """In one kernel for all parameters."""
    return torch.optim.Adam(parameters, lr=lr, betas=(beta1, 0.999), fused=True)
