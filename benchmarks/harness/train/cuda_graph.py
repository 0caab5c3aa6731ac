"""Execution of a step on a GPU as one CUDA graph that is replayed.

At a batch of 64 a GPU waits for Python to launch its kernels; a graph is launched at once."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
import gc
from typing import cast

import torch

WARM_UP = 3  # eager steps before one is captured: libraries choose their kernels in them


class CudaGraphStep:
    """A step that is captured as a CUDA graph after WARM_UP calls, and then replayed.

    `draws`: the generators used on the GPU; `owner`: the method's name, for the error message. It
    keeps no reference to the step, which would be a cycle: memory must be freed when a run ends."""

    def __init__(self, draws: Iterable[torch.Generator], owner: str) -> None:
        self.draws, self.owner = list(draws), owner
        self.calls, self.graph = 0, cast("torch.cuda.CUDAGraph | None", None)
        self.aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def __call__(self, step: Callable[[], None], places: Callable[[], dict[str, int]]) -> None:
        """One step; `places`: addresses of the tensors that it changes.

        It must use the same tensors every time and never wait for the GPU; otherwise RuntimeError
        at capture says what to do. Raises torch.OutOfMemoryError as the step does."""
        if self.calls < WARM_UP:
            self._warm(step)
        else:
            if self.graph is None:
                self.graph = self._captured(step, places)
            self.graph.replay()
        self.calls += 1

    def drop(self) -> None:
        """Starts again with warm-up, after tensors that the graph uses were replaced."""
        self.calls, self.graph = 0, None

    def _warm(self, step: Callable[[], None]) -> None:
        """Runs a step on the capturing stream, so that memory comes from the same pool."""
        self.aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.aside):
            step()
        torch.cuda.current_stream().wait_stream(self.aside)

    def _captured(
        self, step: Callable[[], None], places: Callable[[], dict[str, int]]
    ) -> torch.cuda.CUDAGraph:
        """Captures the step, which is recorded and not executed."""
        graph, before = torch.cuda.CUDAGraph(), places()
        for draws in self.draws:
            graph.register_generator_state(draws)
        torch.cuda.synchronize()  # raises an earlier step's error, for which it is not to blame
        outside = torch.cuda.current_stream()
        try:
            with _uncollected(), torch.cuda.graph(graph, stream=self.aside):
                step()
        except RuntimeError as error:
            raised = [cause for cause in _causes(error) if isinstance(cause, RuntimeError)]
            for cause in raised:
                if isinstance(cause, torch.OutOfMemoryError):
                    raise cause from None
            first = str(raised[-1]) or repr(raised[-1])
            raise self._refusal(first.splitlines()[0]) from error
        finally:
            torch.cuda.set_stream(outside)  # a failed capture leaves its own the current one
        after = places()
        if moved := [name for name in after if after[name] != before.get(name)]:
            raise self._refusal(f"{moved[0]} is another tensor after it: change it in place")
        return graph

    def _refusal(self, reason: str) -> RuntimeError:
        return RuntimeError(f"a step of {self.owner} cannot be captured as a CUDA graph "
                            f"({reason}); say capturable = False in its class, or --plain")


@contextmanager
def _uncollected() -> Iterator[None]:
    """Collects garbage before and not inside, where freeing it would invalidate the capture."""
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _causes(error: BaseException) -> list[BaseException]:
    """The error and those that led to it, the first one last.

    Ending a failed capture raises another error, which does not name the cause."""
    found = [error]
    while (before := found[-1].__cause__ or found[-1].__context__) and before not in found:
        found.append(before)
    return found
