"""Preprocessing against keras.applications' own."""

import keras
import numpy as np
import pytest
from keras.src.applications.imagenet_utils import preprocess_input

from architectures.weights.preprocessing import BYTES, CAFFE, SIGNED, TORCH


@pytest.mark.parametrize(("ours", "mode"), [(CAFFE, "caffe"), (TORCH, "torch"), (SIGNED, "tf")])
def test_equals_keras(ours, mode):
    image = keras.Input((4, 5, 3))
    values = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype("float32")
    expected = preprocess_input(values.copy(), mode=mode)
    np.testing.assert_allclose(keras.Model(image, ours(image))(values / 255), expected, rtol=1e-5, atol=1e-4)


def test_stays_in_float32_under_half_precision():
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        assert BYTES(keras.Input((4, 5, 3), dtype="float32")).dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")
