"""Gradients of a step: whether they are finite, and as arrays."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def all_finite(tensors: Sequence[tf.Tensor | tf.IndexedSlices | None]) -> tf.Tensor:
    """Whether tensors hold neither infinity nor NaN; those that are None do not count."""
    # Of a table only the rows that a batch has seen have a gradient.
    values = [tensor.values if isinstance(tensor, tf.IndexedSlices) else tensor for tensor in tensors]
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in values if value is not None])


def as_array(gradient: tf.Tensor | tf.IndexedSlices) -> np.ndarray:
    """A gradient as float32; of a table the rows that have one, each once."""
    if not isinstance(gradient, tf.IndexedSlices):
        return np.asarray(gradient, np.float32)
    rows, places = np.unique(gradient.indices, return_inverse=True)
    summed = np.zeros((len(rows), *gradient.values.shape[1:]), np.float32)
    np.add.at(summed, places, np.asarray(gradient.values, np.float32))
    return summed
