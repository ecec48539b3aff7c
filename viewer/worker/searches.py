"""Latents that were searched, kept: a search takes seconds, and several panels want the same one."""

import hashlib

import numpy as np

from architectures.reconstructors.latent_decoder import LatentDecoder
from run_directory.checkpoints import Checkpoint
from viewer.worker.recent import Recent

_MOST_KEPT = 512


def version_of(run: str, checkpoint: Checkpoint) -> tuple:
    """Tells the weights of a run at a checkpoint from all others: the run, the step, when the file was written."""
    return run, checkpoint.step, checkpoint.path.stat().st_mtime_ns


def digest(image: np.ndarray) -> bytes:
    """Tells an image from all others, wherever it comes from."""
    return hashlib.sha256(np.ascontiguousarray(image).data).digest()


class Searches:
    """Image and weights → latent."""

    def __init__(self):
        self._found: Recent[np.ndarray] = Recent(_MOST_KEPT)

    def latent(self, model: LatentDecoder, version: tuple, image: np.ndarray) -> np.ndarray:
        """The latent of an image, float32 [dimensions], by the model's whole protocol.

        Args:
            model: The decoder, with the weights of `version`.
            version: See `version_of`.
            image: float32 [height, width, channels] in [0, 1].
        """
        return self._found.get((version, digest(image)), lambda: model.search(image[np.newaxis])[0][0])
