"""Random brightness."""

from typing import Annotated

import tensorflow as tf

from common.registry import AUGMENTATIONS, Range


@AUGMENTATIONS.register("random_brightness")
class RandomBrightness:
    """Adds one number to all of an image's pixels, and clips to [0, 1].

    Args:
        amount: Largest change either way, in units of image intensity (0 to 1). Above 0, up to 1.
    """

    def __init__(self, amount: Annotated[float, Range(above=0, maximum=1)] = 0.1):
        if not 0 < amount <= 1:
            raise ValueError(f"random_brightness.amount must be above 0 and at most 1, got {amount}")
        self._amount = amount

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """float32 [height, width, channels] in [0, 1], int32 [2] → the same shape."""
        change = tf.random.stateless_uniform([], seed, -self._amount, self._amount)
        return tf.clip_by_value(image + change, 0.0, 1.0)
