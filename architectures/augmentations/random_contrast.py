"""Random contrast."""

from typing import Annotated

import tensorflow as tf

from common.registry import AUGMENTATIONS, Range


@AUGMENTATIONS.register("random_contrast")
class RandomContrast:
    """Stretches or shrinks an image's values about the mean of each channel, and clips to [0, 1].

    Args:
        amount: Largest change of the factor either way: 0.2 draws factors from 0.8 to 1.2. Above 0, up to 1.
    """

    def __init__(self, amount: Annotated[float, Range(above=0, maximum=1)] = 0.2):
        if not 0 < amount <= 1:
            raise ValueError(f"random_contrast.amount must be above 0 and at most 1, got {amount}")
        self._amount = amount

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """float32 [height, width, channels] in [0, 1], int32 [2] → the same shape."""
        factor = tf.random.stateless_uniform([], seed, 1 - self._amount, 1 + self._amount)
        mean = tf.reduce_mean(image, axis=(0, 1), keepdims=True)
        return tf.clip_by_value(mean + factor * (image - mean), 0.0, 1.0)
