"""One weighted term of a reconstructor's loss."""

from dataclasses import dataclass

import keras
import tensorflow as tf


@dataclass(frozen=True)
class WeightedLoss:
    """A loss with its weight, its first step, and the decoder's image that it compares.

    Args:
        name: The term's name in the spec; history shows it as `loss/<name>`.
        loss: Called with (original, reconstruction), float [batch, height, width, channels] in [0, 1]; returns
            float32 [batch].
        weight: Factor in the total.
        start: Step from which the term counts; before it the term is reported but weighs nothing.
        output: Which of the decoder's images it compares.
    """

    name: str
    loss: keras.losses.Loss
    weight: float = 1.0
    start: int = 0
    output: str = "image"

    def weight_at(self, step: tf.Tensor) -> tf.Tensor:
        """The factor at a step, float32 scalar: zero before `start`."""
        if self.start <= 0:
            return tf.constant(self.weight, tf.float32)
        return tf.where(step >= self.start, tf.constant(self.weight, tf.float32), 0.0)


def to_unit_range(images: tf.Tensor) -> tf.Tensor:
    """Images as float32 in [0, 1]: uint8 is divided by 255, floats are taken to be in range already."""
    if images.dtype == tf.uint8:
        return tf.cast(images, tf.float32) / 255.0
    return tf.cast(images, tf.float32)


def target_for(images: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """What an output is compared with: the images themselves, or resized with antialiasing to the output's size."""
    size = output.shape[1:3]
    if tuple(size) == tuple(images.shape[1:3]):
        return images
    resized = tf.image.resize(images, size, method="bicubic", antialias=True)
    return tf.clip_by_value(resized, 0.0, 1.0)
