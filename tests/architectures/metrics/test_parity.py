"""Metrics against scikit-image and TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf
from skimage import data, metrics

from common.registry import METRICS


def photo(channels):
    image = data.astronaut()[100:164, 200:261] / 255.0
    return (image if channels == 3 else image.mean(axis=-1, keepdims=True)).astype("float32")


def pairs():
    """Name, original, reconstruction."""
    generator = np.random.default_rng(11)
    for channels in (1, 3):
        for shape in ((7, 7), (8, 30), (32, 33)):
            size = (*shape, channels)
            yield f"random {size}", generator.random(size, "float32"), generator.random(size, "float32")
        original = photo(channels)
        noise = generator.normal(size=original.shape)
        for scale in (0.003, 0.05, 0.5):
            yield f"noise {scale} ×{channels}", original, (original + scale * noise).clip(0, 1).astype("float32")
        mean = np.broadcast_to(original.mean(axis=(0, 1)), original.shape).astype("float32")
        yield f"mean colour ×{channels}", original, mean
        yield f"constants ×{channels}", np.full_like(mean, 0.25), np.full_like(mean, 0.75)
        yield f"equal ×{channels}", original, original
        white = np.where(np.arange(len(mean))[:, None, None] < 40, 1, mean).astype("float32")
        yield f"white background ×{channels}", white, white * np.float32(0.97)
        yield f"dark ×{channels}", original * 1e-3, original * 1.5e-3


PAIRS = list(pairs())


def reference(name, original, reconstruction):
    """scikit-image's figure, in double precision."""
    original, reconstruction = original.astype("float64"), reconstruction.astype("float64")
    if name == "mse":
        return metrics.mean_squared_error(original, reconstruction)
    if name == "mae":
        return np.abs(original - reconstruction).mean()
    if name == "psnr":
        return metrics.peak_signal_noise_ratio(original, reconstruction, data_range=1)
    return metrics.structural_similarity(original, reconstruction, data_range=1, channel_axis=-1)


@pytest.mark.parametrize("name", ["mse", "mae", "psnr", "ssim"])
@pytest.mark.parametrize(("original", "reconstruction"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
def test_metric_equals_scikit_image(name, original, reconstruction):
    if name == "psnr" and np.array_equal(original, reconstruction):
        pytest.skip("scikit-image's is infinite; see test_an_exact_copy_has_100_db")
    value = METRICS.get(name)()(original[None], reconstruction[None]).numpy()
    np.testing.assert_allclose(value, [reference(name, original, reconstruction)], atol=1e-4)


def test_an_exact_copy_has_100_db():
    image = photo(3)[None]
    np.testing.assert_allclose(METRICS.get("psnr")()(image, image), [100], rtol=1e-6)


def test_ssim_refuses_images_smaller_than_its_window():
    image = np.zeros((1, 6, 20, 3), "float32")
    with pytest.raises(ValueError, match="at least 7 pixels a side, got 6×20"):
        METRICS.get("ssim")()(image, image)


def test_ms_ssim_equals_tensorflow():
    original = (data.coffee()[:200, :264] / 255).astype("float32")[None]
    noise = np.random.default_rng(0).normal(scale=0.1, size=original.shape)
    reconstruction = (original + noise).clip(0, 1).astype("float32")
    expected = tf.image.ssim_multiscale(original, reconstruction, 1.0)
    np.testing.assert_allclose(METRICS.get("ms_ssim")()(original, reconstruction), expected, atol=1e-5)
