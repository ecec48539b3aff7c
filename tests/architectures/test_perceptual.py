"""Tests of architectures.perceptual, and of the loss and the metric on it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from architectures.features import FeatureExtractor
from builders.precision import dtype_policy
from common.registry import LOSSES, METRICS

TAPS = {"block1_conv2": 0.25, "block3_conv1": 2.0}


def pictures(seed, channels=3):
    return np.random.default_rng(seed).random((3, 32, 40, channels), dtype="float32")


def loss(**arguments):
    return LOSSES.get("perceptual")(**{"backbone": "vgg16", "weights": "hed_bsds500", "taps": TAPS, **arguments})


@pytest.mark.parametrize("distance", ["l1", "l2"])
@pytest.mark.parametrize("unit_channels", [True, False])
def test_is_the_weighted_sum_over_taps_of_a_distance_of_activations(distance, unit_channels):
    x, y = pictures(0), pictures(1)
    taps = FeatureExtractor("vgg16", TAPS, (32, 40, 3), weights="hed_bsds500").taps_model
    expected = np.zeros(3)
    for weight, a, b in zip(TAPS.values(), taps(x), taps(y)):
        a, b = (np.asarray(tap, np.float64) for tap in (a, b))
        if unit_channels:
            a, b = (tap / np.sqrt((tap**2).sum(-1, keepdims=True) + 1e-8) for tap in (a, b))
        apart = np.abs(a - b) if distance == "l1" else (a - b) ** 2
        expected += weight * (apart.sum(-1).mean((1, 2)) if unit_channels else apart.mean((1, 2, 3)))
    arguments = {"distance": distance, "unit_channels": unit_channels}
    np.testing.assert_allclose(loss(**arguments).call(x, y), expected, rtol=1e-4)
    metric = METRICS.get("perceptual")({"vgg16": {}}, TAPS, "hed_bsds500", **arguments)
    np.testing.assert_allclose(metric(x, y), expected, rtol=1e-4)


def test_the_network_is_built_once_even_inside_a_function_and_passes_gradients():
    measure = loss(taps=["block1_conv2"], input_size=64)
    x = tf.constant(pictures(2, channels=1))  # grey

    @tf.function
    def step(y):
        with tf.GradientTape() as tape:
            tape.watch(y)
            total = tf.reduce_sum(measure.call(x, y))
        return total, tape.gradient(total, y)

    y = tf.constant(pictures(3, channels=1))
    before, gradient = step(y)
    after, _ = step(y - 0.05 * gradient / tf.norm(gradient))
    assert float(after - before) == pytest.approx(-0.05 * float(tf.norm(gradient)), rel=0.1)
    [network] = measure.frozen_parts
    assert network.trainable_variables == [] and network.name == measure.name
    measure.call(x, y)
    assert measure.frozen_parts == [network]


def test_follows_the_precision_it_is_built_in():
    x, y = pictures(4), pictures(5)
    with dtype_policy("mixed_bfloat16"):
        half = loss()
        values = half.call(x, y)
    assert half.frozen_parts[0].outputs[0].dtype == "bfloat16"
    assert values.dtype == tf.float32
    np.testing.assert_allclose(values, loss().call(x, y), rtol=0.02)
    assert keras.config.dtype_policy().name == "float32"


def test_taps_must_be_there_and_weigh_something():
    with pytest.raises(ValueError, match="at least one tap"):
        loss(taps=[])
    with pytest.raises(ValueError, match="no weight below 0"):
        loss(taps={"block1_conv1": -1.0})
    with pytest.raises(ValueError, match="unknown tap 'blok1_conv1'"):
        loss(taps=["blok1_conv1"]).call(pictures(0), pictures(1))
