"""Random mirroring."""

from typing import Literal

import tensorflow as tf

from common.registry import AUGMENTATIONS


@AUGMENTATIONS.register("random_flip")
class RandomFlip:
    """Mirrors half of the images; with `both`, each direction is decided by itself.

    Args:
        axis: Which way: `horizontal` swaps left and right, `vertical` top and bottom.
    """

    def __init__(self, axis: Literal["horizontal", "vertical", "both"] = "horizontal"):
        if axis not in ("horizontal", "vertical", "both"):
            raise ValueError(f"random_flip.axis must be horizontal, vertical or both, got '{axis}'")
        self._axes = {"horizontal": (1,), "vertical": (0,), "both": (0, 1)}[axis]

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """float32 [height, width, channels] in [0, 1], int32 [2] → the same shape."""
        chances = tf.random.stateless_uniform([2], seed)
        for axis in self._axes:
            image = tf.where(chances[axis] < 0.5, tf.reverse(image, [axis]), image)
        return image
