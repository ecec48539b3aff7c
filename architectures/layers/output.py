"""A second image, taken off the stream."""

from typing import Any

import keras

from architectures.layers.nesting import (
    build_stack,
    call_stack,
    deserialize_stack,
    require_layers,
    serialize_stack,
    stack_output_shape,
)
from common.registry import LAYERS


@LAYERS.register("Output")
class Output(keras.layers.Layer):
    """Turns what passes by into an image of its own, with losses of its own; the stream passes on unchanged.

        stream ──┬───────────── stream
                 └─ layers ── image `name`

    Its target is the original, resized with antialiasing to this image's size. The layer returns its image: a
    model builder that meets an Output keeps the image under the layer's name and feeds the next layer what
    entered this one.

    Args:
        name: What the image is called in losses (`output: half`), history and pictures. `image` is taken: the
            end of the stack.
        layers: The stack from the stream to the image; its output has 1 or 3 channels in [0, 1].

    Example:
        Output:
          name: small
          layers: [Conv2D: {filters: 3, kernel_size: 1, activation: sigmoid}]

    Input shape: [batch, height, width, channels].
    Output shape: [batch, height, width, 1 or 3].
    """

    def __init__(self, name: str, layers: list[keras.layers.Layer], **kwargs):
        if name == "image":
            raise ValueError("Output.name 'image' is the end of the stack; call this output something else")
        super().__init__(name=name, **kwargs)
        self.layers = require_layers("Output", layers)

    def build(self, input_shape):
        build_stack(self.layers, tuple(input_shape))
        self.built = True

    def call(self, inputs):
        return call_stack(self.layers, inputs)

    def compute_output_shape(self, input_shape):
        return stack_output_shape(self.layers, tuple(input_shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layers": serialize_stack(self.layers)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "layers": deserialize_stack(config["layers"])})
