"""Random quarter turns."""

import tensorflow as tf

from common.registry import AUGMENTATIONS


@AUGMENTATIONS.register("random_rotation90")
class RandomRotation90:
    """Turns square images by 0, 90, 180 or 270 degrees, others by 0 or 180, all equally likely."""

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """float32 [height, width, channels] in [0, 1], int32 [2] → the same shape."""
        square = image.shape[0] == image.shape[1]
        turns = tf.random.stateless_uniform([], seed, 0, 4 if square else 2, tf.int32)
        turned = tf.image.rot90(image, turns if square else 2 * turns)
        return tf.ensure_shape(turned, image.shape)
