"""Claim C31: what K negatives cost from a queue of keys, and from K images encoded anew."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from benchmarks.derived_claims import CLAIMS, DIRECT, QUEUE
from benchmarks.harness.data.datasets import to_float
from benchmarks.harness.spec.hyperparameters import resolve
from benchmarks.speed.cases import BATCH, Case, Sizes, in_mebibytes, run, training
from methods.base import Regularizer, Step
from methods.uniformity import leave_one_out

GROUP = "queue or re-encoding"
TAU = 0.05


class NegativesCase:
    """The regularizer's own part of a step at one K, beside an autoencoder's that is there anyway.

    A batch of 64 is encoded for the reconstruction; what has to be encoded more is counted.
    """

    def __init__(self, sizes: Sizes, device: str, K: int) -> None:
        moca = resolve(run("a2", "moca", sizes.width), "moca", {"K": K, "tau": TAU})
        self.training = training(moca, device)
        self.K, self.encoder = K, self.training.objective.encoder
        self.x = to_float(self.training.data).contiguous(memory_format=self.training.layout)
        self.index = torch.arange(BATCH, device=device)
        z = self.training.prior.sample(BATCH, self.training.draws["prior"])
        self.z = z.requires_grad_()

    @property
    def _regularizer(self) -> Regularizer:
        assert self.training.objective.regularizer
        return self.training.objective.regularizer

    def by_queue(self) -> Tensor:
        """The keys of the batch, and the loss against the queue."""
        step = self._step()
        loss: Tensor = self._regularizer.penalty(step)
        return loss

    def by_queue_after(self) -> None:
        """Moves the key encoder and the queue."""
        self._regularizer.after_step(self._step())

    def directly(self) -> Tensor:
        """Encodes the images that are more than the batch, with gradient."""
        more = self.x[BATCH:self.K].clone()  # or all images would be counted as kept
        z = torch.cat([self.z, self.encoder(more)]) if len(more) else self.z
        return leave_one_out(z, TAU)

    def _step(self) -> Step:
        return Step(self.encoder, self.x[:BATCH], self.index, self.z, self.z,
                    self.z.new_zeros(()))


def cases(sizes: Sizes, device: str) -> list[Case]:
    """At every K, in time."""
    found = []
    for K in sizes.queues:
        ways = NegativesCase(sizes, device, K)

        def queue(ways: NegativesCase = ways) -> None:
            torch.autograd.backward(ways.by_queue())
            ways.by_queue_after()

        def direct(ways: NegativesCase = ways) -> None:
            torch.autograd.backward(ways.directly())

        found += [Case(GROUP, _what(K), QUEUE, queue), Case(GROUP, _what(K), DIRECT, direct)]
    return found


def _what(K: int) -> str:
    return f"regularizer of an A2 step, K = {K}"


def memory(sizes: Sizes, device: str) -> list[dict[str, Any]]:
    """At every K, what is held for the backward pass and from step to step, counted in MiB."""
    rows = []
    for K in sizes.queues:
        ways = NegativesCase(sizes, device, K)
        regularizer = ways.training.objective.regularizer
        assert isinstance(regularizer, torch.nn.Module)
        state = list(regularizer.state_dict().values())
        held = sum(t.numel() * t.element_size() for t in state)
        weights = [*state, *ways.encoder.parameters()]  # the encoder's are there either way
        found = {QUEUE: held + saved(ways.by_queue, weights),
                 DIRECT: saved(ways.directly, weights)}
        rows += in_mebibytes(f"{GROUP}, memory", _what(K), found)
    return rows


def saved(loss: Callable[[], Tensor], without: Iterable[Tensor] = ()) -> int:
    """Bytes that autograd keeps for the backward pass, a storage counted once.

    `without` those of tensors that are there anyway.
    """
    places: dict[int, int] = {}
    there = {tensor.untyped_storage().data_ptr() for tensor in without}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        places[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        held = loss()  # what it hangs on stays, so that no place is counted for two
    del held
    return sum(size for place, size in places.items() if place not in there)


def verdicts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """C31 in time and in memory, for every K above the batch.

    Reproduced if even the upper quartile of the queue is below the other's lower one at each.
    """
    found = []
    groups = {"time": GROUP, "memory": f"{GROUP}, memory"}
    for claim, (kind, group) in zip(CLAIMS, groups.items(), strict=True):
        by_k: dict[str, dict[str, dict[str, Any]]] = {}
        for row in rows:
            if row["group"] == group and not row["what"].endswith(f"= {BATCH}"):
                by_k.setdefault(row["what"], {})[row["who"]] = row
        pairs = [(each[QUEUE], each[DIRECT]) for each in by_k.values()]
        ratios = [direct["median"] / queue["median"] for queue, direct in pairs]
        less = all(queue.get("high", queue["median"]) < direct.get("low", direct["median"])
                   for queue, direct in pairs)
        more = all(queue.get("low", queue["median"]) > direct.get("high", direct["median"])
                   for queue, direct in pairs)
        found.append({
            "claim": claim.id, "role": "verdict", "basis": claim.basis,
            "comparison": f"{DIRECT} / {QUEUE}", "statistic": f"ratio of {kind}",
            "estimate": min(ratios, default=float("nan")), "n": len(ratios),
            "verdict": "not run" if not ratios else "reproduced" if less
            else "contradicted" if more else "inconclusive",
            "place": claim.place, "text": claim.text})
    return found
