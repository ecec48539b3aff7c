"""Adaptive pooling against windows cut by hand, as training computes it: in a graph, with oneDNN."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import architectures.layers  # noqa: F401 - corrects Keras' layers


def by_hand(images: np.ndarray, sizes: tuple[int, ...], reduce) -> np.ndarray:
    pooled = np.empty((len(images), *sizes, images.shape[-1]), images.dtype)
    for place in itertools.product(*map(range, sizes)):
        windows = [
            slice(index * side // size, math.ceil((index + 1) * side / size))
            for index, size, side in zip(place, sizes, images.shape[1:])
        ]
        pooled[(slice(None), *place)] = reduce(images[(slice(None), *windows)], axis=tuple(range(1, len(sizes) + 1)))
    return pooled


@pytest.mark.parametrize("kind, reduce", [("Max", np.max), ("Average", np.mean)])
@pytest.mark.parametrize("sizes", [(1,), (3,), (8,), (1, 1), (1, 3), (5, 1), (8, 4), (11, 8), (1, 1, 1), (2, 1, 3)])
def test_every_size_is_pooled_and_passes_gradients(kind, reduce, sizes):
    layer = getattr(keras.layers, f"Adaptive{kind}Pooling{len(sizes)}D")(sizes)
    images = np.random.default_rng(0).random((2, *[8] * len(sizes), 3), np.float32)

    @tf.function
    def there_and_back(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            pooled = layer(values)
        return pooled, tape.gradient(pooled, values)

    pooled, gradient = there_and_back(tf.constant(images))
    np.testing.assert_allclose(pooled, by_hand(images, sizes, reduce), atol=1e-6)
    assert np.isclose(np.sum(gradient), np.sum(np.ones_like(pooled)), atol=1e-3)
