"""Structural similarity as scikit-image defines it."""

import numpy as np
from keras import ops

from architectures.images import float32_pair, mean_per_image
from architectures.metrics.metric import Metric
from architectures.similarity import K1, K2, local_means
from common.registry import METRICS

WINDOW_SIZE = 7
UNIFORM = np.full(WINDOW_SIZE, 1 / WINDOW_SIZE, "float32")


@METRICS.register("ssim")
class SSIM(Metric):
    """Structural similarity, -1 to 1 (equal), by scikit-image's default definition. Larger is better.

    `skimage.metrics.structural_similarity(data_range=1, channel_axis=-1)`: uniform window 7×7, sample covariance,
    only windows inside the image, mean over channels. Wang et al., IEEE TIP 2004.
    Images of fewer than 7 pixels a side are refused.
    """

    label = "SSIM"
    direction = "max"
    window = WINDOW_SIZE

    def __call__(self, originals, reconstructions):
        x, y = float32_pair(originals, reconstructions)
        sides = [side for side in x.shape[1:3] if side is not None]
        if min(sides, default=WINDOW_SIZE) < WINDOW_SIZE:
            raise ValueError(
                f"the metric ssim needs images of at least {WINDOW_SIZE} pixels a side, got "
                f"{x.shape[1]}×{x.shape[2]}; enlarge dataset.image.size or leave ssim out of metrics"
            )
        # Variances do not change when an image's mean is taken off, but lose far less to float32: without it, flat
        # bright regions are wrong in the fourth digit.
        mean_x, mean_y = (ops.mean(images, axis=(1, 2), keepdims=True) for images in (x, y))
        x, y = x - mean_x, y - mean_y
        local_x, local_y = local_means(x, UNIFORM), local_means(y, UNIFORM)
        pixels = WINDOW_SIZE**2
        to_sample = pixels / (pixels - 1)  # scikit-image's default is the unbiased covariance
        covariance = to_sample * (local_means(x * y, UNIFORM) - local_x * local_y)
        variances = to_sample * (local_means(x * x + y * y, UNIFORM) - local_x * local_x - local_y * local_y)
        mean_x, mean_y = local_x + mean_x, local_y + mean_y
        luminance = (2.0 * mean_x * mean_y + K1**2) / (mean_x * mean_x + mean_y * mean_y + K1**2)
        return mean_per_image(luminance * (2.0 * covariance + K2**2) / (variances + K2**2))
