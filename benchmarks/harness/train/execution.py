"""The ways to execute a training step; all of them compute the same, up to rounding."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.harness.spec.run import Run
from benchmarks.harness.train.build import layout
from methods.base import Objective
from methods.networks import EncoderBase


@dataclass(frozen=True)
class Execution:
    """How a step is executed. The defaults are fast and safe; the others are there to be timed."""

    plain: bool = False  # step by step as written: no CUDA graph, no channels last
    channels_last: bool | None = None  # None: as `layout` says
    compiled: bool = False  # the networks go through torch.compile
    forked: bool = False  # on a GPU, the regularizer's own encoders beside the trained one

    def layout(self, run: Run, device: str) -> torch.memory_format:
        """Memory layout of images and convolution weights."""
        if self.channels_last is None:
            return torch.contiguous_format if self.plain else layout(run, device)
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def prepare(self, objective: Objective, device: str) -> Callable[[], None]:
        """Changes how the networks are called; returns what a step has to begin with."""
        if self.compiled:
            for network in networks(objective):
                compile_training(network)
        others = [encoder for encoder in encoders(objective) if encoder is not objective.encoder]
        if self.forked and others and torch.device(device).type == "cuda":
            return fork(others)
        return lambda: None

    def note(self, memory: torch.memory_format) -> str:
        """What provenance says after "eager" or "graph"."""
        says = {"channels last": memory == torch.channels_last, "compiled": self.compiled,
                "forked": self.forked}
        return "".join(f", {word}" for word, holds in says.items() if holds)


FAST = Execution()


def encoders(objective: Objective) -> list[EncoderBase]:
    """The trained encoder, and any that the regularizer keeps for itself."""
    return [each for each in objective.modules() if isinstance(each, EncoderBase)]


def networks(objective: Objective) -> list[nn.Module]:
    """The networks of all encoders, and the decoder."""
    decoder = [objective.decoder] if objective.decoder is not None else []
    return [*(encoder.network for encoder in encoders(objective)), *decoder]


def compile_training(network: nn.Module) -> None:
    """Compiles the network's calls in training mode; those that measure take many shapes."""
    eager, fast = network.forward, torch.compile(network.forward, dynamic=False)

    def forward(x: Tensor) -> Tensor:
        found: Tensor = (fast if network.training else eager)(x)
        return found

    network.forward = forward


def fork(modules: Sequence[nn.Module]) -> Callable[[], None]:
    """Calls the modules on a stream of their own; returns what lets it begin.

    They depend on nothing that is launched after that, and are waited for where they are called:
    within a CUDA graph they are a branch beside the work that comes in between."""
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def beside(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def forked(x: Tensor) -> Tensor:
            with torch.cuda.stream(aside):
                found = forward(x)
            torch.cuda.current_stream().wait_stream(aside)
            return found
        return forked

    for module in modules:
        module.forward = beside(module.forward)
    return lambda: aside.wait_stream(torch.cuda.current_stream())
