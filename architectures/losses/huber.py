"""Huber loss."""

from typing import Annotated

import keras
from keras import ops

from architectures.images import float32_pair, mean_per_image
from common.registry import LOSSES, Range


@LOSSES.register("huber")
class Huber(keras.losses.Loss):
    """Quadratic for differences below delta, linear above: `mse` that outliers cannot dominate.

    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 1964:
    difference² / 2 below delta, delta · (difference - delta / 2) above.

    Args:
        delta: Where the quadratic part ends, in units of image intensity (0 to 1). Positive.

    Call:
        y_true, y_pred: float [batch, height, width, channels] in [0, 1].
        Returns float32 [batch]: one value per image.
    """

    def __init__(self, delta: Annotated[float, Range(above=0)] = 0.1, **kwargs):
        super().__init__(**kwargs)
        if delta <= 0:
            raise ValueError(f"huber.delta must be positive, got {delta}; the default is 0.1")
        self.delta = delta

    def call(self, y_true, y_pred):
        y_true, y_pred = float32_pair(y_true, y_pred)
        distance = ops.abs(y_true - y_pred)
        quadratic = ops.minimum(distance, self.delta)
        return mean_per_image(quadratic * (distance - 0.5 * quadratic))

    def get_config(self):
        return {**super().get_config(), "delta": self.delta}
