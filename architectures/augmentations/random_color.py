"""Random colours."""

from typing import Annotated

import tensorflow as tf

from common.registry import AUGMENTATIONS, Range


@AUGMENTATIONS.register("random_color")
class RandomColor:
    """Gives an image other colours: channels change places, mix a little, and pass a gamma curve.

    Few photographs hold few colours; a decoder that saw only those paints others wrongly.

    Args:
        mixing: Standard deviation of the 3×3 matrix that mixes channels, about the identity. At least 0.
        gamma: Standard deviation of the exponent's logarithm: 0.3 draws most exponents from 0.74 to 1.35. At least 0.
        permute: Whether channels change places.
    """

    def __init__(
        self,
        mixing: Annotated[float, Range(minimum=0)] = 0.2,
        gamma: Annotated[float, Range(minimum=0)] = 0.3,
        permute: bool = True,
    ):
        for name, value in (("mixing", mixing), ("gamma", gamma)):
            if value < 0:
                raise ValueError(f"random_color.{name} must be at least 0, got {value}")
        self._mixing = mixing
        self._gamma = gamma
        self._permute = permute

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """float32 [height, width, channels] in [0, 1], int32 [2] → the same shape."""
        channels = image.shape[-1]
        seeds = tf.random.experimental.stateless_split(seed, 3)
        if self._permute:
            image = tf.gather(image, tf.random.experimental.stateless_shuffle(tf.range(channels), seeds[0]), axis=-1)
        matrix = tf.eye(channels) + self._mixing * tf.random.stateless_normal((channels, channels), seeds[1])
        exponent = tf.exp(self._gamma * tf.random.stateless_normal((), seeds[2]))
        return tf.clip_by_value(tf.tensordot(image, matrix, axes=1), 0.0, 1.0) ** exponent
