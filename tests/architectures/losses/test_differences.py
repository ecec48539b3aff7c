"""The losses that look at single pixels, against NumPy."""

import keras
import numpy as np
import pytest

from common.registry import LOSSES

GENERATOR = np.random.default_rng(5)
ORIGINALS = GENERATOR.random((3, 9, 7, 3), dtype="float32")
RECONSTRUCTIONS = GENERATOR.random((3, 9, 7, 3), dtype="float32")
DIFFERENCE = (ORIGINALS - RECONSTRUCTIONS).astype("float64")


def value(name, **arguments):
    return LOSSES.get(name)(**arguments).call(ORIGINALS, RECONSTRUCTIONS).numpy()


@pytest.mark.parametrize(
    ("name", "arguments", "pixels"),
    [
        ("l1", {}, np.abs(DIFFERENCE)),
        ("mse", {}, DIFFERENCE**2),
        ("mse", {"scale": 65025}, 65025 * DIFFERENCE**2),
        ("charbonnier", {}, np.sqrt(DIFFERENCE**2 + 1e-6)),
        ("charbonnier", {"epsilon": 1e-6}, np.abs(DIFFERENCE)),  # the limit of small epsilon is L1
        ("huber", {"delta": 2}, DIFFERENCE**2 / 2),  # no difference is as large as delta
    ],
)
def test_loss_is_the_mean_over_an_images_pixels(name, arguments, pixels):
    np.testing.assert_allclose(value(name, **arguments), pixels.mean(axis=(1, 2, 3)), rtol=1e-5)


def test_huber_equals_keras():
    expected = keras.losses.Huber(delta=0.25, reduction=None)(ORIGINALS, RECONSTRUCTIONS)
    np.testing.assert_allclose(value("huber", delta=0.25), np.mean(expected, axis=(1, 2)), rtol=1e-5)


def test_total_variation_is_the_mean_step_down_and_to_the_right():
    down = np.abs(np.diff(RECONSTRUCTIONS, axis=1)).mean(axis=(1, 2, 3))
    right = np.abs(np.diff(RECONSTRUCTIONS, axis=2)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(value("total_variation"), down + right, rtol=1e-5)


def test_total_variation_needs_neighbours():
    row = np.zeros((1, 1, 8, 3), "float32")
    with pytest.raises(ValueError, match="at least 2×2 pixels, got 1×8"):
        LOSSES.get("total_variation")().call(row, row)


@pytest.mark.parametrize(("name", "argument"), [("charbonnier", "epsilon"), ("huber", "delta"), ("mse", "scale")])
def test_arguments_must_be_positive(name, argument):
    with pytest.raises(ValueError, match=rf"{name}.{argument} must be positive, got -1; the default is"):
        LOSSES.get(name)(**{argument: -1})
