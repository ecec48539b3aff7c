"""L1 loss."""

import keras
from keras import ops

from architectures.images import float32_pair, mean_per_image
from common.registry import LOSSES


@LOSSES.register("l1")
class L1(keras.losses.Loss):
    """Mean absolute difference: sharper than `mse`, and indifferent to rare large errors.

    Call:
        y_true, y_pred: float [batch, height, width, channels] in [0, 1].
        Returns float32 [batch]: one value per image, in [0, 1].
    """

    def call(self, y_true, y_pred):
        y_true, y_pred = float32_pair(y_true, y_pred)
        return mean_per_image(ops.abs(y_true - y_pred))
