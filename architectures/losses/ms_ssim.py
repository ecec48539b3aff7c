"""Multi-scale structural similarity as a loss."""

from typing import Annotated

import keras

from architectures.images import float32_pair
from architectures.similarity import MULTISCALE_POWERS, WINDOW_SIZE, check_scales, multiscale_similarity
from common.registry import LOSSES, Range


@LOSSES.register("ms_ssim")
class MultiScaleSSIM(keras.losses.Loss):
    """1 - MS-SSIM: contrast and structure at every scale, luminance at the coarsest.

    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar
    2003, with the published exponents. Equal to 1 - `tf.image.ssim_multiscale` at five scales. A channel that
    correlates negatively at some scale counts as 0 and passes no gradient: add a small `l1` term to be safe.

    Args:
        scales: How many sizes to compare, 1 to 5. Five need images of at least 161 pixels a side, four 81, three 41.

    Call:
        y_true, y_pred: float [batch, height, width, channels] in [0, 1].
        Returns float32 [batch]: one value per image, 0 (equal) to 1.
    """

    window = WINDOW_SIZE

    def __init__(self, scales: Annotated[int, Range(minimum=1, maximum=5)] = 5, **kwargs):
        super().__init__(**kwargs)
        self.scales = check_scales("ms_ssim", scales, maximum=len(MULTISCALE_POWERS))

    def call(self, y_true, y_pred):
        return 1.0 - multiscale_similarity(*float32_pair(y_true, y_pred), self.scales)

    def get_config(self):
        return {**super().get_config(), "scales": self.scales}
