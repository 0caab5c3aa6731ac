"""A GPU that there is not: its tensors say that they are on it, and are computed on the CPU.

Like a GPU it refuses an operation on tensors of two devices. It notes what is fetched from it, so
that a test sees where code computes and how often it waits."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

KIND = "pretended"


class Module(backend_registration._DummyBackendModule):
    """What torch asks of a device's module."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


backend_registration._setup_privateuseone_for_python_backend(KIND, backend_module=Module())
ops = torch.ops.aten
INDEXING = {ops.index.Tensor, ops.index_put_.default}  # they take indices from the CPU


class OnGPU(Tensor):
    """A tensor on the device; `here` has its numbers."""

    @staticmethod
    def __new__(cls, here: Tensor, device: torch.device) -> "OnGPU":
        return Tensor._make_wrapper_subclass(
            cls, here.size(), strides=here.stride(), storage_offset=here.storage_offset(),
            dtype=here.dtype, device=device)

    def __init__(self, here: Tensor, device: torch.device) -> None:
        self.here = here

    def new_tensor(self, data):  # torch's own asks the device for memory
        return torch.tensor(data, dtype=self.dtype).to(self.device)

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), named=None):
        raise AssertionError(f"{function} outside of `pretend_gpu`")


def _here(x: object) -> object:
    return x.here if isinstance(x, OnGPU) else x


def _tensors(values: object) -> list[Tensor]:
    return [x for x in tree_leaves(values) if isinstance(x, Tensor)]


class PretendedGPU(TorchDispatchMode):
    """The device; `fetched`: how many numbers each transfer to the CPU had, for which it waits."""

    def __init__(self, float64: bool) -> None:
        super().__init__()
        self.float64, self.device, self.fetched = float64, torch.device(KIND, 0), list[int]()

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        named = dict(named or {})
        given = _tensors((arguments, named))
        there = [x for x in given if isinstance(x, OnGPU)]
        target = named.get("device")
        stays = torch.device(target).type == self.device.type if target else bool(there)
        if there and function is not ops._to_copy.default and function not in INDEXING:
            apart = [x for x in given if not isinstance(x, OnGPU) and x.dim()]
            assert not apart, f"{function} on tensors of two devices"
        if target and stays:
            named["device"] = torch.device("cpu")
        found = function(*tree_map(_here, arguments), **tree_map(_here, named))
        if there and not (stays and _tensors(found)):
            self.fetched.append(there[0].numel())
        if not stays:
            return found
        if not self.float64 and torch.float64 in {x.dtype for x in _tensors(found)}:
            raise TypeError(f"{function}: the device has no float64")
        known = {id(x.here): x for x in there}  # of an operation in place

        def put(x: object) -> object:
            if not isinstance(x, Tensor):
                return x
            return known[id(x)] if id(x) in known else OnGPU(x, self.device)
        return tree_map(put, found)


@contextmanager
def pretend_gpu(float64: bool = True) -> Iterator[PretendedGPU]:
    """The device inside, for tensors without gradients; Apple's have no float64."""
    with torch.no_grad(), PretendedGPU(float64) as gpu:
        yield gpu
