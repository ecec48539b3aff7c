"""Where the point is in latent space, as one thing that undo can put back; and what it became."""

import weakref
from dataclasses import dataclass

import numpy as np

from viewer.protocol import ImageSource

# A code may hold a hundred thousand numbers: undo keeps no more places than have so many together.
_MOST_NUMBERS = 4_000_000


@dataclass(frozen=True, eq=False)
class Place:
    """A point, and the two ends between which it may be moved.

    Args:
        run: Whose space it is in.
        vector: float32 [d].
        source: The image whose code it is; None elsewhere.
        checkpoint: Under which it is that image's code.
        share: How far it is on the way from the first end to the last, 0 to 1; None elsewhere.
        first: float32 [d], the end A; None before it was set.
        last: float32 [d], the end B.
    """

    run: str
    vector: np.ndarray
    source: ImageSource | None = None
    checkpoint: str = ""
    share: float | None = None
    first: np.ndarray | None = None
    last: np.ndarray | None = None

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Both ends; None before both were set."""
        return None if self.first is None or self.last is None else (self.first, self.last)


@dataclass(frozen=True)
class Decoded:
    """What a point became.

    Args:
        checkpoint: Whose weights decoded it.
        vector: float32 [d], the point.
        image: float32 [height, width, channels] in [0, 1].
        nearest: The nearest image, likewise: itself, or what its own point decodes to.
        is_original: Whether `nearest` is the image itself.
        distance: From the point to that image's.
        label: Its class, -1 where it has none.
        name: What it is called.
    """

    checkpoint: str
    vector: np.ndarray
    image: np.ndarray
    nearest: np.ndarray
    is_original: bool
    distance: float
    label: int
    name: str


class Memory:
    """A place that undo may go back to.

    Args:
        place: The place; None once it was forgotten.
    """

    def __init__(self, place: Place | None):
        self.place = place


class Memories:
    """Places that undo may go back to, of which the oldest are forgotten when they take too much room."""

    def __init__(self):
        # Weakly: what undo has dropped takes no room.
        self._kept: list[weakref.ref[Memory]] = []

    def keep(self, memory: Memory) -> Memory:
        """Something to go back to; the oldest may be forgotten for it. Undo takes note of it before."""
        alive = [kept for kept in self._kept if (old := kept()) is not None and old.place is not None]
        alive.append(weakref.ref(memory))
        for kept in alive[: max(0, len(alive) - max(1, _MOST_NUMBERS // len(memory.place.vector)))]:
            if (old := kept()) is not None:
                old.place = None
        self._kept = alive
        return memory
