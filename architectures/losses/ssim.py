"""Structural similarity as a loss."""

from typing import Annotated

import keras
from keras import ops

from architectures.images import float32_pair
from architectures.similarity import WINDOW_SIZE, check_scales, multiscale_maps
from common.registry import LOSSES, Range


@LOSSES.register("ssim")
class SSIM(keras.losses.Loss):
    """1 - SSIM: structure within an 11-pixel Gaussian window counts, not the difference of single pixels.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 2004:
    Gaussian window 11×11 of sigma 1.5, K1 = 0.01, K2 = 0.03, per channel. Equal to 1 - `tf.image.ssim`,
    gradient included, at a fraction of its cost. The metric `ssim` uses scikit-image's uniform window instead.

    Args:
        scales: How many sizes to compare: the image, its half, its quarter, …; SSIM is averaged over them. The
            smallest must be at least 11 pixels a side. At least 1.

    Call:
        y_true, y_pred: float [batch, height, width, channels] in [0, 1], sides of at least 11 pixels.
        Returns float32 [batch]: one value per image, 0 (equal) to 2.
    """

    window = WINDOW_SIZE

    def __init__(self, scales: Annotated[int, Range(minimum=1)] = 1, **kwargs):
        super().__init__(**kwargs)
        self.scales = check_scales("ssim", scales)

    def call(self, y_true, y_pred):
        maps = multiscale_maps(*float32_pair(y_true, y_pred), self.scales)
        similarity = sum(similarity for similarity, _ in maps) / self.scales
        return 1.0 - ops.mean(similarity, axis=-1)

    def get_config(self):
        return {**super().get_config(), "scales": self.scales}
