"""Total variation: a penalty on the reconstruction alone."""

import keras
from keras import ops

from architectures.images import float32_pair, mean_per_image
from common.registry import LOSSES


@LOSSES.register("total_variation")
class TotalVariation(keras.losses.Loss):
    """Mean difference between neighbouring pixels of the reconstruction: it smooths noise and checkerboards.

    Anisotropic form of Rudin, Osher and Fatemi, "Nonlinear total variation based noise removal
    algorithms", Physica D 1992: the mean absolute step to the pixel below plus that to the pixel on the right.

    Call:
        y_true: Not used; only its shape must fit.
        y_pred: float [batch, height, width, channels] in [0, 1], at least 2×2 pixels.
        Returns float32 [batch]: one value per image, 0 for a constant image.
    """

    window = 2

    def call(self, y_true, y_pred):
        _, y_pred = float32_pair(y_true, y_pred)
        if min(y_pred.shape[1:3], default=2) < 2:
            raise ValueError(
                f"total_variation needs images of at least 2×2 pixels, got {y_pred.shape[1]}×{y_pred.shape[2]}"
            )
        down = ops.abs(y_pred[:, 1:] - y_pred[:, :-1])
        right = ops.abs(y_pred[:, :, 1:] - y_pred[:, :, :-1])
        return mean_per_image(down) + mean_per_image(right)
