"""Requests to a training process to end, by signals."""

from collections.abc import Iterator
from contextlib import contextmanager
import signal
from types import FrameType


class InterruptedRun(BaseException):
    """A run was asked to stop; it resumes from its last checkpoint.

    A BaseException, so that a library that catches Exception does not catch it."""


class StopRequest:
    """Set once this process is asked to end.

    Training checks it after every step and stores a checkpoint first. Work without a checkpoint
    is interrupted at once: see `at_once`."""

    def __init__(self) -> None:
        self.signals: set[int] = set()  # no Event: its lock may be held when a signal comes
        self._breaks_off = False

    def is_set(self) -> bool:
        """Whether the process was asked to end."""
        return bool(self.signals)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """The handler of the signals."""
        self.signals.add(number)
        if self._breaks_off:
            raise InterruptedRun

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Raises InterruptedRun inside as soon as the request is made."""
        self._breaks_off = True
        try:
            if self.signals:
                raise InterruptedRun
            yield
        finally:
            self._breaks_off = False


@contextmanager
def stop_on_signals(*numbers: int) -> Iterator[StopRequest]:
    """A request that the signals make, so that a run can checkpoint before it ends.

    By default SIGTERM and SIGINT."""
    stop = StopRequest()
    numbers = numbers or (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, stop.on_signal) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
