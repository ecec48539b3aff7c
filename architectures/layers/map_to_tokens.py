"""A map as a row of tokens."""

from typing import Any

import keras
from keras import ops

from common.registry import LAYERS


@LAYERS.register("MapToTokens")
class MapToTokens(keras.layers.Layer):
    """Lists the positions of a map row after row: the opposite of TokensToMap.

    Input shape: [batch, height, width, channels].
    Output shape: [batch, height · width, channels].
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        batch, height, width, channels = ops.shape(inputs)
        return ops.reshape(inputs, (batch, height * width, channels))

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, None if None in (height, width) else height * width, channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config()
