"""Seeding: named random streams, all derived from a run's one seed."""

import hashlib

import torch


def stream(seed: int, name: str) -> int:
    """The seed of one named stream; methods under one run seed share data, weights and batches."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:7], "big")


def generator(seed: int, name: str, device: str = "cpu") -> torch.Generator:
    """A private generator on one named stream of a run's seed."""
    return torch.Generator(device).manual_seed(stream(seed, name))


def default_generators(seed: int, device: torch.device) -> dict[str, torch.Generator]:
    """The generators that torch draws from by default, by name; a user's method may, too."""
    found = {"global": torch.default_generator}
    if device.type == "cuda":
        found["global cuda"] = torch.cuda.default_generators[device.index]
    return {name: draws.manual_seed(stream(seed, "global")) for name, draws in found.items()}


def permutation(n: int, seed: int, name: str) -> torch.Tensor:
    """(n,) a random permutation of 0 to n - 1, drawn from one named stream."""
    return torch.randperm(n, generator=generator(seed, name))
