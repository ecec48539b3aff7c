"""The latent space panel: where images lie in a run's code, and what lies between them."""

from collections.abc import Callable

from viewer.protocol import ImageSource, Reply
from viewer.state.undo import Undo
from viewer.state.variants import Variant


class LatentSpace:
    """Everything about the latent space panel."""

    def __init__(self, ask: Callable[..., None], undo: Undo):
        self._ask, self._undo = ask, undo
        self.version = 0

    def follow(self, variant: Variant | None, source: ImageSource | None) -> None:
        """Turns to the run and the image that have been chosen since."""

    def infer_again(self) -> None:
        """Asks for everything that is missing, after a worker was started anew."""

    def take(self, reply: Reply) -> None:
        """Takes over what the worker answered."""
