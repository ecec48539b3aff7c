"""Multi-scale structural similarity."""

from typing import Annotated

from architectures.images import float32_pair
from architectures.metrics.metric import Metric
from architectures.similarity import MULTISCALE_POWERS, WINDOW_SIZE, check_scales, multiscale_similarity
from common.registry import METRICS, Range


@METRICS.register("ms_ssim")
class MultiScaleSSIM(Metric):
    """Multi-scale structural similarity, 0 to 1 (equal), the figure codecs report. Larger is better.

    Wang, Simoncelli and Bovik, Asilomar 2003: Gaussian window 11×11 of sigma 1.5, the published exponents;
    equal to `tf.image.ssim_multiscale` at five scales.

    Args:
        scales: How many sizes to compare, 1 to 5. Five need images of at least 161 pixels a side, four 81, three 41.
    """

    label = "MS-SSIM"
    direction = "max"
    window = WINDOW_SIZE

    def __init__(self, scales: Annotated[int, Range(minimum=1, maximum=5)] = 5):
        self.scales = check_scales("ms_ssim", scales, maximum=len(MULTISCALE_POWERS))

    def __call__(self, originals, reconstructions):
        return multiscale_similarity(*float32_pair(originals, reconstructions), self.scales)
