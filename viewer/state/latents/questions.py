"""What the latent space panel asks the worker, each thing once."""

import time
from collections.abc import Callable

import numpy as np

from viewer.protocol import ImageSource
from viewer.state.latents.place import Place

# A search keeps the worker from following a drag: images that did not train wait for a pause of so many seconds.
_PAUSE = 1.0


class Questions:
    """See the module.

    Args:
        ask: See WorkerClient.

    Attributes:
        next_held_out: How many images that did not train are known, where there may be more of them; else None.
    """

    def __init__(self, ask: Callable[..., None]):
        self._ask = ask
        self.forget()

    def forget(self) -> None:
        """Nothing has been asked, or all of it was about other weights."""
        self._code: ImageSource | None = None
        self._point: np.ndarray | None = None
        self._ends: tuple[np.ndarray, np.ndarray] | None = None
        self._pause_until = 0.0
        self.next_held_out: int | None = 0

    def forget_code(self) -> None:
        """The image's code has been answered, or is wanted once more."""
        self._code = None

    def ask_space(self, run: str, checkpoint: str) -> None:
        """Asks for a space."""
        self._ask("latent space", "latent space", run=run, checkpoint=checkpoint)

    def ask_missing(
        self, run: str, checkpoint: str, place: Place, wanted: ImageSource | None, path: Callable[[], np.ndarray]
    ) -> None:
        """Asks for what is not there and not on its way.

        Args:
            run: The run's directory.
            checkpoint: Its step.
            place: Where the point is.
            wanted: The image whose code is wanted.
            path: Makes the points between the two ends, where both are set.
        """
        asked = {"run": run, "checkpoint": checkpoint}
        if wanted is not None and self._code != wanted:
            self._code = wanted
            self._ask("latent code", "latent code", **asked, source=wanted)
        if self._point is not place.vector:
            self._point = place.vector
            self._pause_until = time.monotonic() + _PAUSE
            self._ask("latent point", "latent point", **asked, vector=place.vector)
        if place.ends is not None and not self._asked_between(place.ends):
            self._ends = place.ends
            self._ask("latent strip", "latent strip", **asked, vectors=path())
        if self.next_held_out is not None and time.monotonic() > self._pause_until:
            first, self.next_held_out = self.next_held_out, None
            self._ask("latents held out", "latents held out", **asked, first=first)

    def _asked_between(self, ends: tuple[np.ndarray, np.ndarray]) -> bool:
        return self._ends is not None and all(one is other for one, other in zip(self._ends, ends))
