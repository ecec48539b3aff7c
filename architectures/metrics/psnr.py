"""Peak signal-to-noise ratio."""

import math

from keras import ops

from architectures.images import float32_pair, mean_per_image
from architectures.metrics.metric import Metric
from common.registry import METRICS

# The MSE of an image that differs by less than float32 arithmetic resolves. It bounds PSNR at 100 dB.
SMALLEST_MSE = 1e-10


@METRICS.register("psnr")
class PSNR(Metric):
    """Peak signal-to-noise ratio in dB for images in [0, 1]: -10·log10 of the image's MSE. Larger is better.

    scikit-image's `peak_signal_noise_ratio` with data_range 1, except that an exact copy scores 100 dB instead of
    infinity, so that means and standard deviations stay finite.
    """

    label = "PSNR"
    direction = "max"
    unit = "dB"
    every_step = True

    def __call__(self, originals, reconstructions):
        originals, reconstructions = float32_pair(originals, reconstructions)
        error = mean_per_image(ops.square(originals - reconstructions))
        return ops.log(ops.maximum(error, SMALLEST_MSE)) * (-10.0 / math.log(10.0))
