"""Index batches, and what a checkpoint must hold to go on with the very next one."""

import torch
from torch import Tensor


class Batches:
    """Index batches: a fresh permutation per epoch, incomplete last batch dropped.

    The permutation is drawn on the CPU, so that every device sees the same order.
    """

    def __init__(
        self, n: int, batch: int, draws: torch.Generator, device: str = "cpu"
    ) -> None:
        self.n, self.batch, self.draws, self.device = n, batch, draws, device
        self.order, self.position = torch.empty(0, dtype=torch.long, device=device), 0

    def next(self) -> Tensor:
        """(batch,) indices on the device; copied there once an epoch."""
        if self.position + self.batch > len(self.order):
            order = torch.randperm(self.n, generator=self.draws)
            self.order, self.position = order.to(self.device), 0
        start, self.position = self.position, self.position + self.batch
        return self.order[start:self.position]

    def state(self) -> dict[str, Tensor | int]:
        """What a checkpoint must hold to go on with the very next batch."""
        return {"order": self.order, "position": self.position, "draws": self.draws.get_state()}

    def restore(self, state: dict[str, Tensor | int]) -> None:
        """The inverse of `state`."""
        self.order = state["order"].to(self.device)  # type: ignore[union-attr]
        self.position = state["position"]  # type: ignore[assignment]
        self.draws.set_state(state["draws"])  # type: ignore[arg-type]
