"""A layer with one weight."""

from typing import Annotated

import keras

from common.registry import LAYERS, Range


@LAYERS.register("Scale")
class Scale(keras.layers.Layer):
    """Multiplies everything by one learned number.

    Args:
        start: What the number starts from. Positive.
    """

    def __init__(self, start: Annotated[float, Range(above=0)] = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        self.factor = self.add_weight(name="factor", shape=(), initializer=keras.initializers.Constant(self.start))
        self.built = True

    def call(self, inputs):
        return inputs * self.factor

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "start": self.start}
