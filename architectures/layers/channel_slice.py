"""Some of the channels."""

from typing import Annotated, Any

import keras

from common.registry import LAYERS, Range


@LAYERS.register("ChannelSlice")
class ChannelSlice(keras.layers.Layer):
    """Passes some of the channels on: one tap of several that are side by side in a code, for example.

    Args:
        count: How many channels pass.
        start: The first channel that passes, counted from 0.

    Example:
        ChannelSlice: {start: 256, count: 512}

    Input shape: [batch, …, channels].
    Output shape: [batch, …, count].
    """

    def __init__(self, count: Annotated[int, Range(minimum=1)], start: Annotated[int, Range(minimum=0)] = 0, **kwargs):
        super().__init__(**kwargs)
        if count < 1:
            raise ValueError(f"ChannelSlice.count must be at least 1, got {count}")
        if start < 0:
            raise ValueError(f"ChannelSlice.start must not be negative, got {start}; the default is 0")
        self.count = count
        self.start = start

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        return inputs[..., self.start : self.start + self.count]

    def compute_output_shape(self, input_shape):
        *rest, channels = input_shape
        if channels < self.start + self.count:
            raise ValueError(
                f"{self.name}: {self.count} channels from channel {self.start} on need "
                f"{self.start + self.count}, got {channels}; lower start or count"
            )
        return (*rest, self.count)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count, "start": self.start}
