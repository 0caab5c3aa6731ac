"""A memory of past codes: the ring buffer and momentum encoder of MoCA, for any regularizer."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from methods.base import Context, Step


def cosine_momentum(progress: Tensor, m0: float) -> Tensor:
    """Momentum m = 1 - (1 - m0) (cos(pi t/T) + 1) / 2, from m0 to 1 (Section 3); progress = t/T."""
    return 1 - (1 - m0) * (torch.cos(torch.pi * progress) + 1) / 2


def move_towards(keys: list[Tensor], queries: list[Tensor], share: Tensor) -> None:
    """Adds share (queries - keys) to the keys, in place; share: ().

    Three kernels on a GPU, however many tensors there are. `torch._foreach_lerp_` takes a share on
    the GPU only as one tensor per key, and then launches a kernel for each."""
    way = torch._foreach_sub(queries, keys)
    torch._foreach_mul_(way, share)
    torch._foreach_add_(keys, way)


@torch.no_grad()
def follow(key_encoder: nn.Module, encoder: nn.Module, progress: Tensor, m0: float) -> None:
    """Averages the encoder's parameters into the key encoder's, in place, by `cosine_momentum`."""
    keys: list[Tensor] = list(key_encoder.parameters())
    queries: list[Tensor] = list(encoder.parameters())
    share = 1 - cosine_momentum(progress, m0)
    if share.is_cpu:  # rounds once where `move_towards` rounds twice: other last bits
        torch._foreach_lerp_(keys, queries, [share] * len(keys))
    else:
        move_towards(keys, queries, share)


def next_slots(pointer: Tensor, count: int, length: int) -> Tensor:
    """The places (count,) of the oldest rows in a ring of that length; moves the pointer past them.

    Raises ValueError if the ring is shorter."""
    if count > length:
        raise ValueError(f"a memory of {length} is shorter than a batch ({count})")
    slots = torch.arange(count, device=pointer.device)
    slots = (slots + pointer) % length
    pointer.add_(count).remainder_(length)
    return slots


class Memory(nn.Module):
    """The codes of the last K points, without gradient; K prior draws to begin with.

    With m0 > 0 they are a momentum encoder's, as MoCA's keys are; with m0 = 0, those that the
    encoder gave when it was trained on the points."""

    codes: Tensor  # (K, d)
    pointer: Tensor

    def __init__(self, context: Context, K: int, m0: float) -> None:
        super().__init__()
        self.m0 = m0
        self.key_encoder = deepcopy(context.encoder).requires_grad_(False) if m0 else None
        codes = context.prior.sample(K, context.generator)
        self.register_buffer("codes", codes)
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long, device=codes.device))

    @torch.no_grad()
    def remember(self, step: Step) -> tuple[Tensor, Tensor]:
        """Replaces the oldest codes by the batch's, after a step; returns both, (B, d) each."""
        new = step.z.detach()
        if self.key_encoder is not None:
            new = self.key_encoder(step.x)
            follow(self.key_encoder, step.encoder, step.progress, self.m0)
        slots = next_slots(self.pointer, len(new), len(self.codes))
        old = self.codes[slots]
        self.codes.index_copy_(0, slots, new)
        return old, new
