"""A stack several times over."""

from typing import Annotated, Any

import keras

from architectures.layers.nesting import (
    build_stack,
    call_stack,
    deserialize_stack,
    require_layers,
    serialize_stack,
    stack_output_shape,
)
from common.registry import LAYERS, Range


@LAYERS.register("Repeat")
class Repeat(keras.layers.Layer):
    """Runs a stack several times in a row, each time with weights of its own.

    The model builder writes repetitions of a spec out, so that every layer is in the summary; this layer does the
    same within other Keras models.

    Args:
        times: How often. At least 1.
        layers: The stack to repeat.

    Example:
        Repeat:
          times: 3
          layers: [Conv2D: {filters: 64, kernel_size: 3, padding: same, activation: relu}]

    Input shape: what the stack takes.
    Output shape: that of the last repetition.
    """

    def __init__(self, times: Annotated[int, Range(minimum=1)], layers: list[keras.layers.Layer], **kwargs):
        super().__init__(**kwargs)
        if times < 1:
            raise ValueError(f"Repeat.times must be at least 1, got {times}")
        self.times = times
        self.layers = require_layers("Repeat", layers)
        self.repetitions = [self.layers] + [self._copy(number) for number in range(2, times + 1)]

    def _copy(self, number: int) -> list[keras.layers.Layer]:
        """Fresh layers like `layers`, named after them: weights are found again by the path of their names."""
        configs = serialize_stack(self.layers)
        for config in configs:
            config["config"]["name"] += f"_{number}"
        return deserialize_stack(configs)

    def build(self, input_shape):
        shape = tuple(input_shape)
        for repetition in self.repetitions:
            shape = build_stack(repetition, shape)
        self.built = True

    def call(self, inputs):
        for repetition in self.repetitions:
            inputs = call_stack(repetition, inputs)
        return inputs

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        for repetition in self.repetitions:
            shape = stack_output_shape(repetition, shape)
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "times": self.times, "layers": serialize_stack(self.layers)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "layers": deserialize_stack(config["layers"])})
