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
        size: How many times larger height and width become: one number, or one for each. At least 1.

    Input shape: [batch, height, width, size² · channels].
    Output shape: [batch, size · height, size · width, channels].
    """

    def __init__(
        self,
        size: Annotated[int, Range(minimum=1)]
        | tuple[Annotated[int, Range(minimum=1)], Annotated[int, Range(minimum=1)]] = 2,
        **kwargs,
    ):
        super().__init__(**kwargs)
        sides = (size, size) if isinstance(size, int) else tuple(size)
        if len(sides) != 2 or min(sides) < 1:
            raise ValueError(f"DepthToSpace.size must be at least 1, got {size}; the default is 2")
        self.size = size if isinstance(size, int) else list(size)
        self.factors = sides
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        batch, height, width = ops.shape(inputs)[:3]
        rows, columns = self.factors
        channels = inputs.shape[-1] // (rows * columns)
        blocks = ops.reshape(inputs, (batch, height, width, rows, columns, channels))
        lines = ops.transpose(blocks, (0, 1, 3, 2, 4, 5))
        return ops.reshape(lines, (batch, height * rows, width * columns, channels))

    def compute_output_shape(self, input_shape):
        batch, height, width, depth = input_shape
        rows, columns = self.factors
        pixels = rows * columns
        if depth % pixels:
            raise ValueError(
                f"{self.name}: size {self.size} needs a multiple of {pixels} channels, got {depth}; let the "
                f"layer before give {-(-depth // pixels) * pixels}"
            )
        return (
            batch,
            None if height is None else height * rows,
            None if width is None else width * columns,
            depth // pixels,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
