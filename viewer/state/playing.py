"""A camera or a video that plays: how fast, and whether it is paused."""

# The figure on screen is the mean of about so many frames.
_MEMORY = 8


class Playing:
    """See the module.

    Attributes:
        paused: Whether one frame stays.
        rate: Frames a second; 0 before two were seen.
    """

    def __init__(self):
        self.paused = False
        self.rate = 0.0
        self._last: float | None = None
        self._interval = 0.0

    def pause(self) -> None:
        """Stays at a frame, or goes on."""
        self.paused = not self.paused

    def rest(self) -> None:
        """Nobody looks: what time goes by now is no slow frame."""
        self._last = None

    def count(self, now: float) -> None:
        """Everybody has seen a frame, and the next is asked for.

        Args:
            now: Seconds by any clock.
        """
        if self._last is not None:
            interval = now - self._last
            self._interval += (interval - self._interval) / _MEMORY if self._interval else interval
            self.rate = 1 / max(self._interval, 1e-6)
        self._last = now

    def text(self, position: int) -> str:
        """Number of the frame, and how fast they follow."""
        if self.paused:
            return f"frame {position}, paused"
        if not self.rate:
            return f"frame {position}"
        pace = f"{self.rate:.0f} a second" if self.rate >= 1.5 else f"{1 / self.rate:.1f} s each"
        return f"frame {position}, {pace}"
