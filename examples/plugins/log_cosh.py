"""A loss from outside of the clone. Use it with

./trainer.sh specs/quickstart.yaml --plugin examples/plugins/log_cosh.py --set loss.log_cosh=1
"""

from typing import Annotated

import keras
from keras import ops

from architectures.images import float32_pair, mean_per_image
from common.registry import LOSSES, Range


@LOSSES.register("log_cosh")
class LogCosh(keras.losses.Loss):
    """Mean of log(cosh(sharpness · difference)) / sharpness: quadratic near zero, linear far from it.

    Args:
        sharpness: How soon it becomes linear, in units of 1 / image intensity. Positive.

    Call:
        y_true, y_pred: float [batch, height, width, channels] in [0, 1].
        Returns float32 [batch]: one value per image, at least 0.
    """

    def __init__(self, sharpness: Annotated[float, Range(above=0)] = 10.0, **kwargs):
        super().__init__(**kwargs)
        if sharpness <= 0:
            raise ValueError(f"log_cosh.sharpness must be positive, got {sharpness}; the default is 10")
        self.sharpness = sharpness

    def call(self, y_true, y_pred):
        y_true, y_pred = float32_pair(y_true, y_pred)
        distance = self.sharpness * ops.abs(y_true - y_pred)
        # log(cosh(x)) without overflow: x + log(1 + exp(-2x)) - log(2).
        return mean_per_image(distance + ops.softplus(-2.0 * distance) - ops.log(2.0)) / self.sharpness

    def get_config(self):
        return {**super().get_config(), "sharpness": self.sharpness}
