"""Charbonnier loss: a smooth L1."""

from typing import Annotated

import keras
from keras import ops

from architectures.images import float32_pair, mean_per_image
from common.registry import LOSSES, Range


@LOSSES.register("charbonnier")
class Charbonnier(keras.losses.Loss):
    """Mean of sqrt(difference² + epsilon²), which is L1 away from zero and quadratic near it.

    Charbonnier et al., "Two deterministic half-quadratic regularization algorithms for
    computed imaging", ICIP 1994.

    Args:
        epsilon: Width of the quadratic part, in units of image intensity (0 to 1). Positive.

    Call:
        y_true, y_pred: float [batch, height, width, channels] in [0, 1].
        Returns float32 [batch]: one value per image, at least epsilon.
    """

    def __init__(self, epsilon: Annotated[float, Range(above=0)] = 1e-3, **kwargs):
        super().__init__(**kwargs)
        if epsilon <= 0:
            raise ValueError(f"charbonnier.epsilon must be positive, got {epsilon}; the default is 0.001")
        self.epsilon = epsilon

    def call(self, y_true, y_pred):
        y_true, y_pred = float32_pair(y_true, y_pred)
        return mean_per_image(ops.sqrt(ops.square(y_true - y_pred) + self.epsilon**2))

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
