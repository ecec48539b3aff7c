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

    # A process started with nohup ignores SIGHUP and must keep ignoring it.
    numbers = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, restored in before.items():
            signal.signal(number, restored)


class StopRequest:
    """The signal that asked to stop since `listening` began."""

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

        streams = redirect_stdout(_BreakableStream(sys.stdout)), redirect_stderr(_BreakableStream(sys.stderr))
        with caught(ask), streams[0], streams[1]:
            yield


class _BreakableStream(io.TextIOBase):
    """A stream that may break while training goes on: without its reader or terminal, output is discarded."""

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
        _discard(self._stream.fileno())
        _leave_terminal()  # the other stream writes to it as well

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def _leave_terminal() -> None:
    """Discards output to a terminal that is gone; otherwise saving the run or its exit status would fail."""
    for number in (1, 2):
        if stat.S_ISCHR(os.fstat(number).st_mode):
            _discard(number)


def _discard(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
