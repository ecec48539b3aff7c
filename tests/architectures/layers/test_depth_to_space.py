"""DepthToSpace against TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from common.registry import LAYERS

DepthToSpace = LAYERS.get("DepthToSpace")


@pytest.mark.parametrize("size", [2, 3])
def test_it_equals_tensorflow(size):
    inputs = np.random.default_rng(0).normal(size=(2, 3, 5, size * size * 2)).astype("float32")
    np.testing.assert_array_equal(DepthToSpace(size)(inputs), tf.nn.depth_to_space(inputs, size))


def test_channels_must_divide():
    with pytest.raises(ValueError, match="size 2 needs a multiple of 4 channels, got 6; let the layer before give 8"):
        DepthToSpace(2)(np.zeros((1, 3, 3, 6), "float32"))
