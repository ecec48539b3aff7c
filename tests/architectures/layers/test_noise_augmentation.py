"""NoiseAugmentation: how strong, when, and again."""

import keras
import numpy as np
import pytest

from common.registry import LAYERS

NoiseAugmentation = LAYERS.get("NoiseAugmentation")
CODES = np.zeros((2000, 64), "float32")


def strengths(**arguments):
    """The noise's standard deviation in each of 2,000 codes."""
    return np.std(NoiseAugmentation(scale=0.8, seed=1, **arguments)(CODES, training=True), axis=1)


def test_strength_is_drawn_for_each_image_from_a_half_normal():
    sigma = strengths()
    assert np.mean(sigma) == pytest.approx(0.8 * np.sqrt(2 / np.pi), rel=0.05)
    assert np.mean(sigma < 0.8 * 0.6745) == pytest.approx(0.5, abs=0.04)


def test_strength_may_be_uniform():
    sigma = strengths(distribution="uniform")
    assert np.mean(sigma) == pytest.approx(0.4, rel=0.05) and sigma.max() < 0.8 * 1.4


def test_noise_is_for_training_only():
    layer = NoiseAugmentation()
    np.testing.assert_array_equal(layer(CODES), CODES)
    np.testing.assert_array_equal(layer(CODES, training=False), CODES)
    np.testing.assert_array_equal(NoiseAugmentation(scale=0)(CODES, training=True), CODES)


def test_the_generators_state_is_saved():
    layer = NoiseAugmentation(seed=3, name="noise")
    [state] = layer.variables
    assert state.path == "noise_seed_generator/seed_generator_state"
    before = state.numpy()
    first, second = layer(CODES, training=True), layer(CODES, training=True)
    assert not np.array_equal(first, second)
    state.assign(before)
    np.testing.assert_array_equal(layer(CODES, training=True), first)


def test_unset_seeds_follow_keras():
    def draw():
        keras.utils.set_random_seed(5)
        return NoiseAugmentation()(CODES, training=True)

    np.testing.assert_array_equal(draw(), draw())


def test_scale_must_not_be_negative():
    with pytest.raises(ValueError, match="scale must not be negative, got -1"):
        NoiseAugmentation(scale=-1)
