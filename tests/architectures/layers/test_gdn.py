"""GDN: its formula, its bounds and its precision."""

import numpy as np
import pytest
import tensorflow as tf

from common.registry import LAYERS

GDN = LAYERS.get("GDN")
INPUTS = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")


def test_it_starts_as_a_norm_over_each_channel():
    np.testing.assert_allclose(GDN()(INPUTS), INPUTS / np.sqrt(1 + 0.1 * INPUTS**2), rtol=1e-5)
    np.testing.assert_allclose(GDN(inverse=True)(INPUTS), INPUTS * np.sqrt(1 + 0.1 * INPUTS**2), rtol=1e-5)


def test_gamma_weighs_channel_j_in_the_norm_of_channel_i():
    layer = GDN()
    layer.build(INPUTS.shape)
    generator = np.random.default_rng(1)
    beta, gamma = generator.uniform(0.5, 2, 5), generator.uniform(0, 1, (5, 5))
    layer.beta.assign(np.sqrt(beta))
    layer.gamma.assign(np.sqrt(gamma))
    expected = INPUTS / np.sqrt(beta + np.einsum("ij,...j->...i", gamma, INPUTS**2))
    np.testing.assert_allclose(layer(INPUTS), expected, rtol=1e-5)


def test_parameters_below_their_bounds_count_as_the_bound_and_can_come_back():
    layer = GDN(beta_minimum=0.01)
    layer.build(INPUTS.shape)
    layer.beta.assign(np.full(5, -3.0))
    layer.gamma.assign(np.full((5, 5), -3.0))
    np.testing.assert_allclose(layer(INPUTS), INPUTS / 0.1, rtol=1e-4)
    with tf.GradientTape() as tape:
        larger_norm = tf.reduce_sum(layer(INPUTS) ** 2)
    # The sum shrinks as beta grows: the gradient is negative, a step leads up, and so it must pass.
    assert (tape.gradient(larger_norm, layer.beta.value).numpy() < 0).all()
    with tf.GradientTape() as tape:
        smaller_norm = -tf.reduce_sum(layer(INPUTS) ** 2)
    assert (tape.gradient(smaller_norm, layer.beta.value).numpy() == 0).all()


def test_half_precision_does_not_overflow():
    layer = GDN(dtype="mixed_float16")
    large = 300 * np.ones((1, 2, 2, 4), "float16")
    outputs = layer(large)
    assert outputs.dtype == tf.float16
    np.testing.assert_allclose(outputs, 300 / np.sqrt(1 + 0.1 * 300.0**2) * np.ones_like(large), rtol=1e-3)
    assert all(variable.dtype == "float32" for variable in layer.variables)


@pytest.mark.parametrize("arguments", [{"beta_minimum": 0}, {"gamma_init": -0.1}])
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=r"GDN\.\w+ must"):
        GDN(**arguments)
