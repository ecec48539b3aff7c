"""Residual: the bypass and its projection."""

import keras
import numpy as np
import pytest

from common.registry import LAYERS

Residual = LAYERS.get("Residual")


def zeros(filters, **arguments):
    """A convolution that gives nothing, so that only the bypass is left."""
    return keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer="zeros", **arguments)


def test_equal_shapes_add_the_input_itself():
    inputs = np.random.default_rng(0).normal(size=(2, 5, 6, 4)).astype("float32")
    layer = Residual([zeros(4)])
    np.testing.assert_array_equal(layer(inputs), inputs)
    assert layer.bypass is None


def test_activation_follows_the_sum():
    inputs = np.random.default_rng(0).normal(size=(2, 5, 6, 4)).astype("float32")
    np.testing.assert_array_equal(Residual([zeros(4)], activation="relu")(inputs), np.maximum(inputs, 0))


@pytest.mark.parametrize(("strides", "shape"), [(1, (2, 5, 6, 7)), (2, (2, 3, 3, 7))])
def test_other_channels_or_a_stride_get_a_projection(strides, shape):
    inputs = np.random.default_rng(0).normal(size=(2, 5, 6, 4)).astype("float32")
    layer = Residual([zeros(7, strides=strides)])
    outputs = layer(inputs)
    assert outputs.shape == shape and np.abs(outputs).max() > 0
    np.testing.assert_array_equal(outputs, layer.bypass(inputs))


def test_vectors_and_tokens_get_a_dense_projection():
    for shape in ((2, 5), (2, 3, 5)):
        assert Residual([keras.layers.Dense(4)])(np.ones(shape, "float32")).shape == (*shape[:-1], 4)


@pytest.mark.parametrize(
    ("layer", "projection"),
    [
        (keras.layers.Conv2D(4, 3), "auto"),  # valid padding: 8 → 6 divides nothing
        (keras.layers.UpSampling2D(2), "auto"),
        (keras.layers.Conv2D(7, 1), "never"),
    ],
)
def test_shapes_that_cannot_be_added_are_refused(layer, projection):
    with pytest.raises(ValueError, match=r"\[8, 8, 4\] into \[.*can't be added to"):
        Residual([layer], projection=projection)(np.ones((1, 8, 8, 4), "float32"))


@pytest.mark.parametrize("arguments", [{"layers": []}, {"layers": ["Conv2D"]}])
def test_only_layers_are_taken(arguments):
    with pytest.raises(ValueError, match=r"Residual (needs at least one layer|takes Keras layers)"):
        Residual(**arguments)


def test_nested_dropout_knows_whether_it_trains():
    layer = Residual([keras.layers.Dropout(0.5)])
    inputs = np.ones((1, 4, 4, 2), "float32")
    np.testing.assert_array_equal(layer(inputs, training=False), 2 * inputs)
    assert np.ptp(layer(inputs, training=True)) > 0
