"""Index batches, and what a checkpoint must hold to go on with the very next one."""

import torch
from torch import Tensor


class Batches:
    """Index batches: a fresh permutation per epoch, incomplete last batch dropped.

    The permutation is drawn on the CPU, so that every device sees the same order. It stays in one
    place on the device, and which part of it a step takes may be a tensor there: nothing of a step
    within an epoch needs the host.
    """

    def __init__(
        self, n: int, batch: int, draws: torch.Generator, device: str = "cpu"
    ) -> None:
        self.steps, self.draws = n // batch, draws  # of an epoch
        self.n, self.order = n, torch.empty(n, dtype=torch.long, device=device)
        self.columns = torch.arange(batch, device=device)

    def renew(self) -> None:
        """The next epoch's permutation."""
        self.order.copy_(torch.randperm(self.n, generator=self.draws))

    def at(self, step: Tensor | int) -> Tensor:
        """(batch,) indices on the device of a step, counted from any epoch's start."""
        return self.order[step % self.steps * len(self.columns) + self.columns]

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint must hold to go on with the very next batch."""
        return {"order": self.order, "draws": self.draws.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """The inverse of `state`."""
        self.order.copy_(state["order"])
        self.draws.set_state(state["draws"])
