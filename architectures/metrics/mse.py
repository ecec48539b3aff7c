"""Mean squared error."""

from keras import ops

from architectures.images import float32_pair, mean_per_image
from architectures.metrics.metric import Metric
from common.registry import METRICS


@METRICS.register("mse")
class MSE(Metric):
    """Mean squared difference per image, for images in [0, 1]. Smaller is better."""

    label = "MSE"
    direction = "min"
    every_step = True

    def __call__(self, originals, reconstructions):
        originals, reconstructions = float32_pair(originals, reconstructions)
        return mean_per_image(ops.square(originals - reconstructions))
