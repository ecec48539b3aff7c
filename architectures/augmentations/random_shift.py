"""Random translation."""

from typing import Annotated

import tensorflow as tf

from common.registry import AUGMENTATIONS, Range


@AUGMENTATIONS.register("random_shift")
class RandomShift:
    """Moves images by up to some pixels each way; what comes in at an edge is the mirrored picture.

    The same as padding by reflection and cropping at random.

    Args:
        pixels: Largest shift along each axis, in pixels. At least 1, and smaller than the image.
    """

    def __init__(self, pixels: Annotated[int, Range(minimum=1)] = 4):
        if pixels < 1:
            raise ValueError(f"random_shift.pixels must be at least 1, got {pixels}")
        self._pixels = pixels

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """float32 [height, width, channels] in [0, 1], int32 [2] → the same shape."""
        if self._pixels >= min(image.shape[0], image.shape[1]):
            raise ValueError(
                f"random_shift.pixels must be smaller than the image, got {self._pixels} for "
                f"{image.shape[0]}×{image.shape[1]}"
            )
        edge = [self._pixels, self._pixels]
        padded = tf.pad(image, [edge, edge, [0, 0]], mode="REFLECT")
        corner = tf.random.stateless_uniform([2], seed, 0, 2 * self._pixels + 1, tf.int32)
        return tf.slice(padded, tf.concat([corner, [0]], axis=0), image.shape)
