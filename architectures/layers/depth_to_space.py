"""Channels rearranged into pixels."""

from typing import Annotated, Any

import keras
from keras import ops

from common.registry import LAYERS, Range


@LAYERS.register("DepthToSpace")
class DepthToSpace(keras.layers.Layer):
    """Enlarges an image by turning groups of size² channels into size×size pixels (pixel shuffle).

    Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
    neural network", CVPR 2016. Channels are in TensorFlow's order: that of `tf.nn.depth_to_space`.

    Args:
        size: How many times larger height and width become. At least 1.

    Input shape: [batch, height, width, size² · channels].
    Output shape: [batch, size · height, size · width, channels].
    """

    def __init__(self, size: Annotated[int, Range(minimum=1)] = 2, **kwargs):
        super().__init__(**kwargs)
        if size < 1:
            raise ValueError(f"DepthToSpace.size must be at least 1, got {size}; the default is 2")
        self.size = size
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        batch, height, width = ops.shape(inputs)[:3]
        channels = inputs.shape[-1] // self.size**2
        blocks = ops.reshape(inputs, (batch, height, width, self.size, self.size, channels))
        rows = ops.transpose(blocks, (0, 1, 3, 2, 4, 5))
        return ops.reshape(rows, (batch, height * self.size, width * self.size, channels))

    def compute_output_shape(self, input_shape):
        batch, height, width, depth = input_shape
        if depth % self.size**2:
            raise ValueError(
                f"{self.name}: size {self.size} needs a multiple of {self.size**2} channels, got {depth}; let the "
                f"layer before give {-(-depth // self.size**2) * self.size**2}"
            )
        return (
            batch,
            None if height is None else height * self.size,
            None if width is None else width * self.size,
            depth // self.size**2,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
