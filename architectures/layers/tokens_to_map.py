"""Tokens as a map."""

import math
from typing import Annotated, Any

import keras
from keras import ops

from common.registry import LAYERS, Range

# Networks have at most so many tokens that belong to no place: DINOv2 has a class token and four registers.
_MOST_LEADING = 16


@LAYERS.register("TokensToMap")
class TokensToMap(keras.layers.Layer):
    """Arranges tokens row after row as a map, so that convolutions, resizing and the viewer can use them.

    Args:
        height: Rows of the map. Unset: as many as the width requires; without both the map is square.
        width: Columns of the map. Unset: as many as the height requires.
        drop_leading: Tokens left out at the beginning: class and register tokens, which belong to no place.

    Example:
        TokensToMap: {drop_leading: 1}

    Input shape: [batch, drop_leading + height · width, channels].
    Output shape: [batch, height, width, channels].
    """

    def __init__(
        self,
        height: Annotated[int, Range(minimum=1)] | None = None,
        width: Annotated[int, Range(minimum=1)] | None = None,
        drop_leading: Annotated[int, Range(minimum=0)] = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for argument, side in (("height", height), ("width", width)):
            if side is not None and side < 1:
                raise ValueError(f"TokensToMap.{argument} must be at least 1, got {side}; leave it out")
        if drop_leading < 0:
            raise ValueError(f"TokensToMap.drop_leading must not be negative, got {drop_leading}; the default is 0")
        self.height = height
        self.width = width
        self.drop_leading = drop_leading
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        batch, _, channels = ops.shape(inputs)
        height, width = self._sides(inputs.shape[1])
        return ops.reshape(inputs[:, self.drop_leading :], (batch, height, width, channels))

    def compute_output_shape(self, input_shape):
        batch, tokens, channels = input_shape
        return (batch, *self._sides(tokens), channels)

    def _sides(self, tokens: int | None) -> tuple[int, int]:
        """Height and width of the map, or a ValueError where these tokens are none."""
        if tokens is None:
            if self.height and self.width:
                return self.height, self.width
            raise ValueError(f"{self.name}: the number of tokens is not known; give height and width")
        count = tokens - self.drop_leading
        if count < 1:
            raise ValueError(
                f"{self.name}: nothing is left of {tokens} tokens without the first {self.drop_leading}; lower "
                "drop_leading"
            )
        height, width = self.height, self.width
        if height is None and width is None:
            height = width = math.isqrt(count)
        elif height is None or width is None:
            given = height or width or 1
            height, width = height or count // given, width or count // given
        if height * width != count:
            raise ValueError(self._refusal(tokens, count))
        return height, width

    def _refusal(self, tokens: int, count: int) -> str:
        given = f"{tokens} tokens" + (f" without the first {self.drop_leading}" if self.drop_leading else "")
        if self.height is not None or self.width is not None:
            wanted = f"{self.height or '?'}×{self.width or '?'}"
            return f"{self.name}: {given} do not fill a map of {wanted}; height · width must be {count}"
        square = math.isqrt(count) ** 2
        hint = "give height and width"
        if count - square <= _MOST_LEADING and count > _MOST_LEADING:
            leading = self.drop_leading + count - square
            hint += f", or drop_leading: {leading} if the first {leading} are class and register tokens"
        return f"{self.name}: {given} are no square map; {hint}"

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "height": self.height,
            "width": self.width,
            "drop_leading": self.drop_leading,
        }
