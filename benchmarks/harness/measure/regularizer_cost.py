"""Time and memory of a regularizer alone, on the machine that measures."""

from statistics import median
import time

import torch
from torch import Tensor, autograd, enable_grad
from torch.autograd.graph import saved_tensors_hooks

from benchmarks.harness.data.datasets import to_float
from benchmarks.harness.measure.trained_model import MeasureResult, TrainedModel
from methods.base import Regularizer, Step

CALLS, WARM_UP = 20, 3  # that are timed, and before them


def regularizer_cost(trained: TrainedModel) -> MeasureResult:
    """`regularizer_ms`: median time of its part in a step of n points; `regularizer_mib`.

    Its part: the penalty of given codes, the gradient, `after_step`, and its adversary's gradient.
    Memory: its weights and buffers, and what its backward pass holds. Nothing for an objective
    that has no regularizer."""
    regularizer = trained.regularizer()
    if regularizer is None:
        return MeasureResult({}, {})
    x = to_float(trained.test.x.to(trained.device))
    z = trained.encode(trained.test.x).detach().requires_grad_()
    index = trained.test.x.new_zeros(len(z)).long()
    prior = trained.prior.sample(len(z), trained.draws("evaluation")).to(z)
    step = Step(trained.encoder, x, index, z, prior, z.new_tensor(0.5))
    with enable_grad():
        held = _held(regularizer, step)
        seconds = median([_seconds(regularizer, step) for _ in range(WARM_UP + CALLS)][WARM_UP:])
    return MeasureResult({"regularizer_ms": 1e3 * seconds, "regularizer_mib": held / 2**20}, {})


def _seconds(regularizer: Regularizer, step: Step) -> float:
    began = time.perf_counter()
    autograd.grad(regularizer.penalty(step), step.z, allow_unused=True)
    regularizer.after_step(step)
    if adversary := regularizer.adversary():
        autograd.grad(regularizer.adversary_loss(step), list(adversary.parameters()))
    if step.z.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _held(regularizer: Regularizer, step: Step) -> int:
    """Bytes of its weights and buffers, and of what the penalty saves for its gradient."""
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    for tensor in (*regularizer.parameters(), *regularizer.buffers()):
        keep(tensor)
    given = {each.untyped_storage().data_ptr() for each in (step.x, step.z, step.prior)}
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        regularizer.penalty(step)
    return sum(size for place, size in storages.items() if place not in given)
