"""Execution of a step on a GPU as one CUDA graph that is replayed.

At a batch of 64 a GPU waits for Python to launch its kernels; a graph is launched at once."""

from collections.abc import Callable, Iterable
from typing import cast

import torch

WARM_UP = 3  # eager steps before one is captured: libraries choose their kernels in them


class CudaGraphStep:
    """A step that is captured as a CUDA graph after WARM_UP calls, and then replayed.

    `draws`: the generators used on the GPU; `owner`: the method's name, for the error message;
    `places`: addresses of the tensors that the step changes. A step must use the same tensors every
    time and never wait for the GPU; otherwise RuntimeError at capture says what to do."""

    def __init__(
        self, step: Callable[[], None], draws: Iterable[torch.Generator], owner: str,
        places: Callable[[], dict[str, int]],
    ) -> None:
        self.step, self.draws, self.owner, self.places = step, list(draws), owner, places
        self.calls, self.graph = 0, cast("torch.cuda.CUDAGraph | None", None)
        self.aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def __call__(self) -> None:
        """One step."""
        if self.calls < WARM_UP:
            self._warm()
        else:
            if self.graph is None:
                self.graph = self._captured()
            self.graph.replay()
        self.calls += 1

    def _warm(self) -> None:
        """Runs a step on the capturing stream, so that memory comes from the same pool."""
        self.aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.aside):
            self.step()
        torch.cuda.current_stream().wait_stream(self.aside)

    def _captured(self) -> torch.cuda.CUDAGraph:
        """Captures the step, which is recorded and not executed."""
        graph, before = torch.cuda.CUDAGraph(), self.places()
        for draws in self.draws:
            graph.register_generator_state(draws)
        try:
            with torch.cuda.graph(graph, stream=self.aside):
                self.step()
        except RuntimeError as error:
            raise self._refusal(str(error).splitlines()[0]) from error
        after = self.places()
        if moved := [name for name in after if after[name] != before.get(name)]:
            raise self._refusal(f"{moved[0]} is another tensor after it: change it in place")
        return graph

    def _refusal(self, reason: str) -> RuntimeError:
        return RuntimeError(f"a step of {self.owner} cannot be captured as a CUDA graph "
                            f"({reason}); say capturable = False in its class, or --plain")
