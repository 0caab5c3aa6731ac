"""What a training comes to: the epoch's losses so far, the rows of the epochs before it."""

from math import inf, isfinite
from typing import Any

import torch
from torch import Tensor


class Ledger:
    """Kept on the device while an epoch lasts; the host asks at its end."""

    def __init__(self, device: str) -> None:
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, Tensor] = {}
        self.diverged_at = torch.full((), -1, device=device)  # first step with a non-finite loss

    def add(self, terms: dict[str, Tensor], step: Tensor) -> None:
        """Adds up the step's losses and notes the first non-finite one, without a host sync."""
        finite = torch.ones((), dtype=torch.bool, device=step.device)
        for name, value in terms.items():
            if name not in self.sums:
                self.sums[name] = torch.zeros_like(value)
            self.sums[name].add_(value.detach())
            finite = finite & value.detach().isfinite()
        first = (self.diverged_at < 0) & ~finite
        self.diverged_at.copy_(torch.where(first, step, self.diverged_at))

    @property
    def diverged(self) -> bool:
        """Whether a loss was not finite: fetched from the device."""
        return int(self.diverged_at) >= 0

    def is_as_good_as(self, error: float) -> bool:
        """Whether the last epoch's reconstruction error is at most that."""
        return bool(self.rows) and self.rows[-1].get("train_reconstruction", inf) <= error

    def close(self, epoch: int, steps: int, last: int, measured: dict[str, float]) -> None:
        """The row of an epoch of so many steps; none, and diverged, if a number is not finite.

        `last`: the epoch's last step, at which it diverged if only what was `measured` tells.
        """
        losses = {f"train_{name}": float(total) / steps for name, total in self.sums.items()}
        values = {**losses, **measured}
        if all(map(isfinite, values.values())):
            self.rows.append({"epoch": epoch, **values})
        elif not self.diverged:
            self.diverged_at.fill_(last)
        for total in self.sums.values():
            total.zero_()

    def state(self) -> dict[str, Any]:
        """What `restore` goes on from."""
        return {"rows": self.rows, "sums": self.sums, "diverged_at": self.diverged_at}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        device = self.diverged_at.device
        self.sums = {name: total.to(device) for name, total in state["sums"].items()}
        self.rows, self.diverged_at = state["rows"], state["diverged_at"].to(device)
