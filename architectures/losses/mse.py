"""Mean squared error."""

from typing import Annotated

import keras
from keras import ops

from architectures.images import float32_pair, mean_per_image
from common.registry import LOSSES, Range


@LOSSES.register("mse")
class MSE(keras.losses.Loss):
    """Mean squared difference, the loss that PSNR measures.

    Args:
        scale: Factor of the result. 65025 (255²) measures in units of 8-bit intensities, the convention of
            learned compression. Positive.

    Call:
        y_true, y_pred: float [batch, height, width, channels] in [0, 1].
        Returns float32 [batch]: one value per image, in [0, scale].
    """

    def __init__(self, scale: Annotated[float, Range(above=0)] = 1.0, **kwargs):
        super().__init__(**kwargs)
        if scale <= 0:
            raise ValueError(f"mse.scale must be positive, got {scale}; the default is 1")
        self.scale = scale

    def call(self, y_true, y_pred):
        y_true, y_pred = float32_pair(y_true, y_pred)
        return self.scale * mean_per_image(ops.square(y_true - y_pred))

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
