"""A model's way from images to vectors of numbers, and back."""

import math

import numpy as np
import tensorflow as tf

from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.latent_decoder import LatentDecoder

# Images that pass through a network at once.
_BATCH = 32


class Codec:
    """Encodes and decodes, compiled once for any number of images.

    Args:
        model: A latent decoder, whose vectors are latents, or any other reconstructor, whose vectors are its codes
            in one row.

    Attributes:
        learned: Whether vectors are learned latents, which have to be searched for images that never trained.
        shape: Of one image's code.
        size: Numbers in a vector.
    """

    def __init__(self, model: Reconstructor):
        self.model = model
        self.learned = isinstance(model, LatentDecoder)
        images = tf.TensorSpec([None, *model.image_shape], tf.float32)
        self._encode = tf.function(lambda batch: tf.cast(model.encode(batch), tf.float32), input_signature=[images])
        if self.learned:
            self.shape: tuple[int, ...] = (int(model.latents.shape[1]),)
        else:
            self.shape = tuple(self._encode(np.zeros((1, *model.image_shape), np.float32)).shape[1:])
        self.size = math.prod(self.shape)
        self._decode = tf.function(self._images_of, input_signature=[tf.TensorSpec([None, self.size], tf.float32)])

    def encode(self, images: np.ndarray, restarts: int | None = None) -> np.ndarray:
        """Vectors of images.

        Args:
            images: float32 [n, height, width, channels] in [0, 1].
            restarts: Starting points of a search. Unset: the model's own.

        Returns:
            float32 [n, size].
        """
        if self.learned:
            return self.model.search(images, restarts)[0]
        starts = range(0, len(images), _BATCH)
        codes = [self._encode(tf.convert_to_tensor(images[start : start + _BATCH])).numpy() for start in starts]
        return np.concatenate(codes).reshape(len(images), self.size)

    def decode(self, vectors: np.ndarray) -> np.ndarray:
        """Images of vectors, float32 [n, height, width, channels] in [0, 1], of float32 [n, size]."""
        return self._decode(tf.convert_to_tensor(vectors, tf.float32)).numpy()

    def _images_of(self, vectors: tf.Tensor) -> tf.Tensor:
        model = self.model
        if self.learned:
            code = model.through_code_stack(vectors)
        else:
            code = tf.cast(tf.reshape(vectors, [-1, *self.shape]), model.compute_dtype)
        return model.decode(code)["image"]
