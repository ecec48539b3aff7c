"""Stopping a training by a signal: after the running step, saved, with the exit status that the signal stands for."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Ctrl-C; docker stop, SLURM and Kubernetes; a terminal that was closed.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """Training was stopped by a signal; the message says what was saved and how to go on.

    Args:
        message: The line.
        number: The signal; the exit status is 128 more.
    """

    def __init__(self, message: str, number: int = signal.SIGINT):
        super().__init__(message)
        self.status = 128 + number


class StopRequest:
    """What signals have asked for since `listening` began."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    def interrupted(self, message: str) -> Interrupted:
        """The exception that ends a training, with a message."""
        return Interrupted(message, self.signal or signal.SIGINT)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """The first signal asks to stop after the running step; a second Ctrl-C stops at once."""

        def ask(number: int, frame: object) -> None:
            if self.signal is not None and number == signal.SIGINT:
                raise KeyboardInterrupt
            if number == signal.SIGHUP:
                _leave_terminal()
            self.signal = self.signal or number

        # What was started with nohup ignores SIGHUP and shall go on doing so.
        caught = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, ask) for number in caught}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _leave_terminal() -> None:
    """Writes to a terminal that is gone would fail while the run is being saved."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and stream.isatty():
            os.dup2(nowhere, stream.fileno())
