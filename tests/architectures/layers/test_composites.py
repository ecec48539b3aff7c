"""Parallel, Repeat and Output: layers that hold other layers."""

import keras
import numpy as np
import pytest

from common.registry import LAYERS

Parallel, Repeat, Output = (LAYERS.get(name) for name in ("Parallel", "Repeat", "Output"))
INPUTS = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32")


def test_parallel_joins_channels_or_adds():
    double = keras.layers.Rescaling(2.0)
    np.testing.assert_allclose(Parallel([[double], []])(INPUTS), np.concatenate([2 * INPUTS, INPUTS], axis=-1))
    np.testing.assert_allclose(Parallel([[double], []], merge="add")(INPUTS), 3 * INPUTS, rtol=1e-6)


def test_parallel_names_the_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\[4, 6, 3\], \[2, 3, 3\]; merge 'concat' needs"):
        Parallel([[], [keras.layers.AveragePooling2D(2)]])(INPUTS)
    with pytest.raises(ValueError, match=r"\[4, 6, 3\], \[4, 6, 5\]; merge 'add' needs one shape"):
        Parallel([[], [keras.layers.Conv2D(5, 1)]], merge="add")(INPUTS)


def test_parallel_needs_branches():
    with pytest.raises(ValueError, match="at least two branches, got 1"):
        Parallel([[keras.layers.ReLU()]])


def test_repeat_has_weights_of_its_own_each_time():
    layer = Repeat(3, [keras.layers.Conv2D(3, 1)])
    layer(INPUTS)
    kernels = layer.trainable_variables[::2]
    assert len(kernels) == 3 and len({variable.path for variable in kernels}) == 3
    assert not np.array_equal(kernels[0], kernels[1])


def test_output_returns_its_image_under_its_name():
    output = Output("half", [keras.layers.Conv2D(3, 1, activation="sigmoid")])
    assert output.name == "half" and output(INPUTS).shape == (2, 4, 6, 3)
    with pytest.raises(ValueError, match="'image' is the end of the stack"):
        Output("image", [keras.layers.ReLU()])
