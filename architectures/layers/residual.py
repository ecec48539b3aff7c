"""A stack with a bypass."""

from typing import Any, Literal

import keras
from keras import ops

from architectures.layers.nesting import (
    build_stack,
    call_stack,
    deserialize_stack,
    require_layers,
    serialize_stack,
    stack_output_shape,
)
from common.registry import LAYERS


@LAYERS.register("Residual")
class Residual(keras.layers.Layer):
    """Adds a stack's output to its input: the stack learns only the difference.

    He et al., "Deep residual learning for image recognition", CVPR 2016.

        input ──┬── layers ──┬─ + ─ activation ─ output
                └─ projection ┘

    Where the stack changes the number of channels, or divides the size by a whole number, the input passes a
    1×1 convolution (a dense layer for vectors and tokens) of that stride on its way round.

    Args:
        layers: The stack whose output is added to the input.
        projection: auto: a 1×1 convolution on the bypass where shapes differ. always: in any case.
            never: the input itself; shapes that differ are an error.
        activation: What follows the sum: a Keras activation's name, or nothing.

    Example:
        Residual:
          layers:
            - Conv2D: {filters: 64, kernel_size: 3, padding: same, activation: relu}
            - Conv2D: {filters: 64, kernel_size: 3, padding: same}

    Input shape: [batch, height, width, channels], [batch, tokens, channels] or [batch, features].
    Output shape: that of the stack's output.
    """

    def __init__(
        self,
        layers: list[keras.layers.Layer],
        projection: Literal["auto", "always", "never"] = "auto",
        activation: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if projection not in ("auto", "always", "never"):
            raise ValueError(f"Residual.projection must be auto, always or never, got '{projection}'")
        self.layers = require_layers("Residual", layers)
        self.projection = projection
        self.activation = keras.activations.get(activation)
        self.bypass: keras.layers.Layer | None = None

    def build(self, input_shape):
        entering = tuple(input_shape)
        leaving = build_stack(self.layers, entering)
        if self.projection == "always" or (self.projection == "auto" and entering != leaving):
            self.bypass = self._make_bypass(entering, leaving)
            self.bypass.build(entering)
            self._require_equal(leaving, tuple(self.bypass.compute_output_shape(entering)), entering)
        else:
            self._require_equal(leaving, entering, entering)
        self.built = True

    def _make_bypass(self, entering: tuple, leaving: tuple) -> keras.layers.Layer:
        if len(leaving) == 4 and len(entering) == 4:
            strides = tuple(
                -(-before // after) if before is not None and after is not None else 1
                for before, after in zip(entering[1:3], leaving[1:3])
            )
            return keras.layers.Conv2D(
                leaving[-1], 1, strides=strides, padding="same", dtype=self.dtype_policy, name="projection"
            )
        return keras.layers.Dense(leaving[-1], dtype=self.dtype_policy, name="projection")

    def _require_equal(self, stack: tuple, bypass: tuple, entering: tuple) -> None:
        if stack != bypass:
            raise ValueError(
                f"{self.name}: the layers turn {list(entering[1:])} into {list(stack[1:])}, which can't be added to "
                f"{list(bypass[1:])}; keep height and width (padding: same) or divide them, and let projection be auto"
            )

    def call(self, inputs):
        bypass = inputs if self.bypass is None else self.bypass(inputs)
        return self.activation(ops.add(call_stack(self.layers, inputs), bypass))  # their dtypes may differ

    def compute_output_shape(self, input_shape):
        return stack_output_shape(self.layers, tuple(input_shape))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "layers": serialize_stack(self.layers),
            "projection": self.projection,
            "activation": keras.activations.serialize(self.activation),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "layers": deserialize_stack(config["layers"])})
