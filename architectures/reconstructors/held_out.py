"""Finding the latents of images that never trained, with the decoder frozen."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from architectures.latents import Constraint, constrained
from architectures.optimizers.rowwise_adam import RowwiseAdam

# Candidates for starting points: so many training latents, fewer where their images would take more memory than this.
_CANDIDATES = 512
_CANDIDATE_VALUES = 2**24
# Images are compared with candidates at no more than this side: it is the shapes that count.
_COMPARED_SIDE = 32
# Images that one search decodes at once are bounded the same way: a gradient step keeps every map of the decoder.
_SEARCHED_VALUES = 2**24


def images_at_once(image_shape: Sequence[int], restarts: int) -> int:
    """How many images of (height, width, channels) one search should take."""
    return max(1, _SEARCHED_VALUES // (math.prod(image_shape) * restarts))


class Found(NamedTuple):
    """The result of a search.

    Attributes:
        latents: float32 [images, dimensions].
        curve: float32 [steps + 1, images]: the smallest loss seen by any restart after so many steps.
    """

    latents: tf.Tensor
    curve: tf.Tensor


class LatentSearch:
    """The held-out protocol: gradient descent on fresh latents, several from each image, in one compiled loop.

    Starting points are training latents: some hundreds of them, spread evenly over the table, are decoded, put into as
    many groups as there are restarts, and from each group the one whose image is nearest is taken. Every restart keeps
    the best point it has been at, and the best restart wins.

    Args:
        decode: float32 [n, dimensions] → images by name, with everything in the decoder frozen and nothing clipped.
        loss: (images, decoded images by name, latents) → float32 [n], what is minimised.
        optimizer: Its equations and rates move the latents; its own state is not used.
        constraint: On latents.
    """

    def __init__(
        self,
        decode: Callable[[tf.Tensor], dict[str, tf.Tensor]],
        loss: Callable[[tf.Tensor, dict[str, tf.Tensor], tf.Tensor], tf.Tensor],
        optimizer: RowwiseAdam,
        constraint: Constraint,
    ):
        self._decode = decode
        self._loss = loss
        self._optimizer = optimizer
        self._constraint = constraint

    def find(self, images: tf.Tensor, trained: tf.Tensor, steps: int | tf.Tensor, restarts: int) -> Found:
        """The latents that decode to images best.

        Args:
            images: float32 [images, height, width, channels] in [0, 1].
            trained: float32 [rows, dimensions], the latents of training images.
            steps: Gradient steps; may be a scalar tensor.
            restarts: Starting points for each image.
        """
        count = tf.shape(images)[0]
        latents = tf.reshape(self._starts(images, trained, restarts), (-1, trained.shape[-1]))
        repeated = tf.repeat(images, restarts, axis=0)
        zeros = tf.zeros_like(latents)
        worst = tf.fill((tf.shape(latents)[0],), tf.float32.max)

        def keep_best(latents, values, best, best_values):
            better = values < best_values
            return tf.where(better[:, tf.newaxis], latents, best), tf.where(better, values, best_values)

        def best_of_restarts(values):
            return tf.reduce_min(tf.reshape(values, (count, restarts)), axis=1)

        def body(step, latents, momentum, velocity, best, best_values, curve):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(latents)
                values = self._loss(repeated, self._decode(latents), latents)
            gradient = tape.gradient(values, latents)
            best, best_values = keep_best(latents, values, best, best_values)
            curve = curve.write(step, best_of_restarts(best_values))
            rate = self._optimizer.learning_rate_at(step)
            change, momentum, velocity = self._optimizer.step(gradient, momentum, velocity, step + 1, rate)
            latents = constrained(latents + change, self._constraint)
            return step + 1, latents, momentum, velocity, best, best_values, curve

        steps = tf.convert_to_tensor(steps, tf.int32)
        curve = tf.TensorArray(tf.float32, size=steps + 1, element_shape=(None,))
        _, latents, _, _, best, best_values, curve = tf.while_loop(
            lambda step, *_: step < steps,
            body,
            (tf.constant(0), latents, zeros, zeros, latents, worst, curve),
            shape_invariants=(
                tf.TensorShape(()),
                *[tf.TensorShape((None, trained.shape[-1]))] * 4,
                tf.TensorShape((None,)),
                tf.TensorShape(None),
            ),
        )
        values = self._loss(repeated, self._decode(latents), latents)
        best, best_values = keep_best(latents, values, best, best_values)
        curve = curve.write(steps, best_of_restarts(best_values))
        winner = tf.argmin(tf.reshape(best_values, (count, restarts)), axis=1)
        best = tf.reshape(best, (count, restarts, trained.shape[-1]))
        return Found(tf.gather(best, winner, batch_dims=1), curve.stack())

    def _starts(self, images: tf.Tensor, trained: tf.Tensor, restarts: int) -> tf.Tensor:
        """float32 [images, restarts, dimensions]."""
        size = images.shape[1] * images.shape[2] * images.shape[3]
        each = max(1, min(_CANDIDATES, _CANDIDATE_VALUES // size, trained.shape[0]) // restarts)
        rows = tf.cast(tf.linspace(0.0, trained.shape[0] - 1.0, each * restarts), tf.int32)
        candidates = tf.gather(trained, rows)
        decoded = _flat(self._decode(candidates)["image"])
        wanted = _flat(images)
        # |a - b|² without |a|², which is the same for all candidates.
        distances = tf.reduce_sum(tf.square(decoded), axis=1) - 2 * tf.matmul(wanted, decoded, transpose_b=True)
        distances = tf.reshape(distances, (-1, each, restarts))
        nearest = tf.argmin(distances, axis=1, output_type=tf.int32) * restarts + tf.range(restarts)
        return tf.gather(candidates, nearest)


def _flat(images: tf.Tensor) -> tf.Tensor:
    height, width, channels = images.shape[1:]
    side = max(height, width)
    if side > _COMPARED_SIDE:
        height, width = (max(1, length * _COMPARED_SIDE // side) for length in (height, width))
        images = tf.image.resize(images, (height, width), method="area")
    return tf.reshape(images, (-1, height * width * channels))
