"""Stopping a training by a signal: after the running step, saved, with the exit status of the signal."""

import io
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO

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
        self.number = number
        self.status = 128 + number


@contextmanager
def caught(handler: Callable[[int], None]) -> Iterator[None]:
    """Signals that ask to stop call `handler` with their number. Those that this process ignores stay ignored."""

    def handle(number: int, frame: object) -> None:
        if number == signal.SIGHUP:
            _leave_terminal()
        handler(number)

    # What was started with nohup ignores SIGHUP and must keep ignoring it.
    numbers = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, restored in before.items():
            signal.signal(number, restored)


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

        def ask(number: int) -> None:
            if self.signal is not None and number == signal.SIGINT:
                raise KeyboardInterrupt
            self.signal = self.signal or number

        outlived = redirect_stdout(_Outlived(sys.stdout)), redirect_stderr(_Outlived(sys.stderr))
        with caught(ask), outlived[0], outlived[1]:
            yield


class _Outlived(io.TextIOBase):
    """A stream that a training outlives: where its reader or its terminal is gone, it goes nowhere."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            self._redirect()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._redirect()

    def _redirect(self) -> None:
        _to_nowhere(self._stream.fileno())
        _leave_terminal()  # the other stream leads there as well

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def _leave_terminal() -> None:
    """What is written to a terminal that is gone goes nowhere; else saving the run would fail, or its exit status."""
    for number in (1, 2):
        if stat.S_ISCHR(os.fstat(number).st_mode):
            _to_nowhere(number)


def _to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
