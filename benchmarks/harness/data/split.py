"""Points of a data set, with their classes."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Split(NamedTuple):
    """Points with their classes, where they have any."""

    x: Tensor  # (n, ...) floats as they are, or uint8 pixels
    labels: Tensor | None  # (n,)

    def part(self, start: int, n: int) -> Split:
        """The n points from `start` on."""
        chosen = slice(start, start + n)
        return Split(self.x[chosen], None if self.labels is None else self.labels[chosen])
