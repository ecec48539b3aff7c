"""The SSIM losses against TensorFlow's own, values and gradients."""

import numpy as np
import pytest
import tensorflow as tf

from architectures.similarity import gaussian_taps
from common.registry import LOSSES


def images(kind, shape):
    """Originals and reconstructions of one kind, float32 in [0, 1]."""
    generator = np.random.default_rng(3)
    originals = generator.random(shape, dtype="float32")
    if kind == "random":
        return originals, generator.random(shape, dtype="float32")
    if kind == "close":
        return originals, (originals + generator.normal(scale=0.02, size=shape)).clip(0, 1).astype("float32")
    if kind == "constant":
        return originals, np.full(shape, 0.4, "float32")
    if kind == "both constant":
        return np.full(shape, 0.9, "float32"), np.full(shape, 0.1, "float32")
    if kind == "inverted":
        return originals, 1 - originals
    raise ValueError(kind)


def value_and_gradient(function, originals, reconstructions):
    predicted = tf.constant(reconstructions)
    with tf.GradientTape() as tape:
        tape.watch(predicted)
        values = function(tf.constant(originals), predicted)
    return values.numpy(), tape.gradient(values, predicted).numpy()


@pytest.mark.parametrize("kind", ["random", "close", "constant", "inverted"])
@pytest.mark.parametrize("shape", [(3, 40, 33, 3), (2, 11, 11, 3), (2, 11, 64, 1), (1, 28, 28, 1)])
def test_ssim_equals_tensorflow(kind, shape):
    originals, reconstructions = images(kind, shape)
    ours = value_and_gradient(LOSSES.get("ssim")().call, originals, reconstructions)
    theirs = value_and_gradient(lambda x, y: 1 - tf.image.ssim(x, y, 1.0), originals, reconstructions)
    np.testing.assert_allclose(ours[0], theirs[0], atol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-6)


def test_ssim_of_two_constants_is_their_luminance():
    # Both variances are 0, up to float32: TensorFlow's own result is off by 1.4e-4 here.
    originals, reconstructions = images("both constant", (2, 20, 20, 3))
    value, gradient = value_and_gradient(LOSSES.get("ssim")().call, originals, reconstructions)
    np.testing.assert_allclose(value, 1 - (2 * 0.9 * 0.1 + 1e-4) / (0.9**2 + 0.1**2 + 1e-4), atol=1e-4)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("kind", ["random", "close", "constant"])
@pytest.mark.parametrize("shape", [(2, 176, 192, 3), (1, 161, 171, 1)])
def test_ms_ssim_equals_tensorflow(kind, shape):
    originals, reconstructions = images(kind, shape)
    # Independent noise correlates negatively at some scale by chance, where TensorFlow's gradient is not a number.
    if kind == "random":
        reconstructions = 0.5 * (originals + reconstructions)
    ours = value_and_gradient(LOSSES.get("ms_ssim")().call, originals, reconstructions)
    theirs = value_and_gradient(lambda x, y: 1 - tf.image.ssim_multiscale(x, y, 1.0), originals, reconstructions)
    np.testing.assert_allclose(ours[0], theirs[0], atol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], atol=2e-3 * np.abs(theirs[1]).max())


def test_ms_ssim_of_a_negative_is_finite():
    originals, reconstructions = images("inverted", (1, 161, 161, 3))
    value, gradient = value_and_gradient(LOSSES.get("ms_ssim")().call, originals, reconstructions)
    theirs = 1 - tf.image.ssim_multiscale(originals, reconstructions, 1.0)
    np.testing.assert_allclose(value, theirs, atol=1e-5)
    assert np.isfinite(gradient).all()


def test_ms_ssim_of_fewer_scales_uses_tensorflow_with_their_share_of_the_powers():
    originals, reconstructions = images("close", (2, 44, 50, 3))
    powers = np.array([0.0448, 0.2856, 0.3001])
    expected = tf.image.ssim_multiscale(originals, reconstructions, 1.0, power_factors=powers / powers.sum() * 1.0001)
    np.testing.assert_allclose(
        LOSSES.get("ms_ssim")(scales=3).call(originals, reconstructions), 1 - expected, atol=1e-5
    )


def test_scales_average_over_a_pyramid():
    originals, reconstructions = images("close", (2, 46, 52, 3))

    def halve(batch):
        return batch.reshape(2, batch.shape[1] // 2, 2, batch.shape[2] // 2, 2, 3).mean(axis=(2, 4))

    pairs = [(originals, reconstructions), (halve(originals), halve(reconstructions))]
    expected = np.mean([1 - tf.image.ssim(x, y, 1.0) for x, y in pairs], axis=0)
    np.testing.assert_allclose(LOSSES.get("ssim")(scales=2).call(originals, reconstructions), expected, atol=1e-5)


def test_the_window_is_wangs():
    taps = gaussian_taps()
    assert len(taps) == 11 and abs(taps.sum() - 1) < 1e-6
    np.testing.assert_allclose(taps[4] / taps[5], np.exp(-0.5 / 1.5**2), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "scales", "side", "message"),
    [
        ("ssim", 1, 10, "at least 11 pixels a side for 1 scale.*got 10×20"),
        ("ssim", 3, 40, "at least 41 pixels a side, got 40×50; use at most 2 scale"),
        ("ms_ssim", 5, 64, "at least 161 pixels a side, got 64×74; use at most 3 scale"),
    ],
)
def test_images_smaller_than_the_window_are_refused(name, scales, side, message):
    originals, reconstructions = images("close", (1, side, side + 10, 3))
    with pytest.raises(ValueError, match=message):
        LOSSES.get(name)(scales=scales).call(originals, reconstructions)


@pytest.mark.parametrize(("name", "scales"), [("ssim", 0), ("ms_ssim", 0), ("ms_ssim", 6)])
def test_scales_out_of_range_are_refused(name, scales):
    with pytest.raises(ValueError, match=rf"{name}.scales must be .*, got {scales}"):
        LOSSES.get(name)(scales=scales)
