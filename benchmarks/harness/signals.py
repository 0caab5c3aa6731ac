"""How a process that trains is asked to end."""

from collections.abc import Iterator
from contextlib import contextmanager
import signal
from types import FrameType


class InterruptedRun(BaseException):
    """A run was asked to stop; what it has stored is where it goes on from.

    No Exception, so that a library that survives those does not survive this.
    """


class StopRequest:
    """Set once this process is asked to end.

    Training looks at it after every step and stores a checkpoint first. What has no state to store
    is broken off: see `at_once`.
    """

    def __init__(self) -> None:
        self._asked = self._breaks_off = False  # no Event: its lock may be held when a signal comes

    def is_set(self) -> bool:
        """Whether the process was asked to end."""
        return self._asked

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """The handler of the signals."""
        self._asked = True
        if self._breaks_off:
            raise InterruptedRun

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Raises InterruptedRun inside as soon as the request is there."""
        self._breaks_off = True
        try:
            if self._asked:
                raise InterruptedRun
            yield
        finally:
            self._breaks_off = False


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """A request that SIGTERM and SIGINT make, so that a run can checkpoint before it ends."""
    stop = StopRequest()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, stop.on_signal) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
