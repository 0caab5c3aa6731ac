"""Claim C31: the cost of K negatives from a queue of keys, or from K more encoded images."""

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
    """The regularizer's part of a step at one K, on top of an autoencoder's own.

    A batch of 64 is encoded for the reconstruction; only further encodings are counted."""

    def __init__(self, sizes: Sizes, device: str, K: int) -> None:
        moca = resolve(run("a2", "moca", sizes.width), "moca", {"K": K, "tau": TAU})
        self.training = training(moca, device)
        self.K, self.encoder = K, self.training.objective.encoder
        self.x = to_float(self.training.data).contiguous(memory_format=self.training.layout)
        self.index = torch.arange(BATCH, device=device)
        z = self.training.prior.sample(BATCH, self.training.draws["prior"])
        self.z = z.requires_grad_()

    @property
    def regularizer(self) -> Regularizer:
        """MoCA."""
        assert self.training.objective.regularizer
        return self.training.objective.regularizer

    def by_queue(self) -> Tensor:
        """Computes the batch's keys, and the loss against the queue."""
        loss: Tensor = self.regularizer.penalty(self.step())
        return loss

    def directly(self) -> Tensor:
        """Encodes the images beyond the batch, with gradient, and computes the direct loss."""
        more = self.x[BATCH:self.K].clone()  # or all images would be counted as kept
        z = torch.cat([self.z, self.encoder(more)]) if len(more) else self.z
        return leave_one_out(z, TAU)

    def step(self) -> Step:
        """The batch as the regularizer sees it."""
        return Step(self.encoder, self.x[:BATCH], self.index, self.z, self.z,
                    self.z.new_zeros(()))


def cases(sizes: Sizes, device: str) -> list[Case]:
    """Cases at every K, by queue and directly."""
    found = []
    for K in sizes.queues:
        ways = NegativesCase(sizes, device, K)

        def queue(ways: NegativesCase = ways) -> None:
            torch.autograd.backward(ways.by_queue())
            ways.regularizer.after_step(ways.step())  # moves key encoder and queue

        def direct(ways: NegativesCase = ways) -> None:
            torch.autograd.backward(ways.directly())

        found += [Case(GROUP, _what(K), QUEUE, queue), Case(GROUP, _what(K), DIRECT, direct)]
    return found


def _what(K: int) -> str:
    return f"regularizer of an A2 step, K = {K}"


def memory(sizes: Sizes, device: str) -> list[dict[str, Any]]:
    """Rows of MiB at every K: saved for the backward pass, and kept from step to step."""
    rows = []
    for K in sizes.queues:
        ways = NegativesCase(sizes, device, K)
        state = list(ways.regularizer.state_dict().values())
        held = sum(t.numel() * t.element_size() for t in state)
        weights = [*state, *ways.encoder.parameters()]  # the encoder's are there either way
        found = {QUEUE: held + saved(ways.by_queue, weights),
                 DIRECT: saved(ways.directly, weights)}
        rows += in_mebibytes(f"{GROUP}, memory", _what(K), found)
    return rows


def saved(loss: Callable[[], Tensor], without: Iterable[Tensor] = ()) -> int:
    """Bytes that autograd saves for the backward pass, each storage once.

    `without`: tensors that exist in any case and are not counted."""
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
    """Verdict rows of C31 in time and memory, over every K above the batch.

    Reproduced if at each the queue's upper quartile is below the direct way's lower quartile."""
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
        verdict, reason = (("not run", "no queue is longer than a batch") if not ratios else
                           ("reproduced", "") if less else ("contradicted", "") if more else
                           ("inconclusive", "the quartiles of the two overlap"))
        found.append({
            "claim": claim.id, "role": "verdict", "basis": claim.basis,
            "comparison": f"{DIRECT} / {QUEUE}", "statistic": f"ratio of {kind}",
            "estimate": min(ratios, default=float("nan")), "n": len(ratios), "verdict": verdict,
            "place": claim.place, "text": claim.text, "reason": reason})
    return found
