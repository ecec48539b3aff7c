"""When to draw the next frame: at once while something moves, seldom while nothing does."""

import threading
import time

from viewer.window.x11 import InputWatch

# Frames follow at least this fast for so long after the last thing that happened.
_LIVELY_SECONDS = 0.6
# 60 frames a second, or 30 where drawing takes so much of a processor that the worker would lack it.
_FASTEST, _FASTEST_WHEN_DEAR, _DEAR = 1 / 60, 1 / 30, 0.008
# What happens meanwhile brings a frame before its time, but not sooner than this.
_SOONEST = 1 / 60
# An idle window may take so much of one processor; with a graphics card a frame costs little and follows soon.
_IDLE_SHARE = 0.05
_IDLE_SOONEST, _IDLE_LATEST = 1 / 12, 1.0
_LOOK = 0.04


class Pace:
    """Waits between frames.

    Args:
        watch: Notices input while no frame is drawn.
    """

    def __init__(self, watch: InputWatch):
        self.wake = threading.Event()
        self._watch = watch
        self._lively_until = time.monotonic() + _LIVELY_SECONDS
        self._began = time.monotonic()
        self._processor = time.process_time()
        self._cost = 0.02

    def begin(self) -> None:
        """A frame begins."""
        self._began = time.monotonic()
        self._processor = time.process_time()

    def end(self, lively: bool) -> None:
        """A frame was drawn.

        Args:
            lively: Whether something happened in it, so that the next should follow soon.
        """
        # Of all threads: software GL draws in several.
        self._cost += 0.2 * (time.process_time() - self._processor - self._cost)
        if lively:
            self._lively_until = self._began + _LIVELY_SECONDS

    def wait(self) -> None:
        """Waits for the time of the next frame, or until something happens."""
        now = time.monotonic()
        if now < self._lively_until:
            interval = _FASTEST if self._cost < _DEAR else _FASTEST_WHEN_DEAR
            time.sleep(max(0.0, self._began + _SOONEST - now))
            self.wake.wait(max(0.0, self._began + interval - time.monotonic()))
            self.wake.clear()
            self._watch.moved()
            return
        until = self._began + min(_IDLE_LATEST, max(_IDLE_SOONEST, self._cost / _IDLE_SHARE))
        while (left := until - time.monotonic()) > 0:
            if self.wake.wait(min(_LOOK, left)):
                self.wake.clear()
                return
            if self._watch.moved():
                self._lively_until = time.monotonic() + _LIVELY_SECONDS
                return
