"""Residual blocks between upsamplings."""

from typing import Annotated

from architectures.stacks.stack import (
    AS_IMAGE,
    Layer,
    Stack,
    doublings,
    fit_to_image,
    require_buildable,
    require_map,
    require_positive,
    scaled,
)
from common.registry import ARCHITECTURES, Range

# Channels before the first, the second, … doubling, as in system A; further ones repeat the last.
CHANNELS = (64, 48, 32)
LAST_CHANNELS = 24


@ARCHITECTURES.register("residual_upsampling")
class ResidualUpsampling(Stack):
    """A 3×3 convolution and a residual block before every bilinear doubling (system A).

    From 56×56×256 to 224×224 it is the decoder of `specs/celeba_small.yaml`: 64 channels, 48 after the first
    doubling, 24 after the last.

    Args:
        width: Factor of the number of channels. Positive.
        blocks: Residual blocks at each size. Not negative.
        activation: Activation inside the stack, by Keras' name.
    """

    def __init__(
        self,
        width: Annotated[float, Range(above=0)] = 1.0,
        blocks: Annotated[int, Range(minimum=0)] = 1,
        activation: str = "relu",
    ):
        self.width = require_positive("residual_upsampling.width", width)
        if blocks < 0:
            raise ValueError(f"residual_upsampling.blocks must not be negative, got {blocks}; the default is 1")
        self.blocks = require_buildable("residual_upsampling.blocks", blocks)
        self.activation = activation

    def layers(self, code_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> list[Layer]:
        height, width, _ = require_map("residual_upsampling", code_shape)
        times = doublings((height, width), image_shape)
        stack: list[Layer] = []
        for step in range(times):
            filters = scaled(CHANNELS[min(step, len(CHANNELS) - 1)], self.width)
            stack.append(self._convolution(filters, self.activation))
            for _ in range(self.blocks):
                block = [self._convolution(filters, self.activation), self._convolution(filters, "linear")]
                stack.append({"Residual": {"layers": block}})
            stack.append({"UpSampling2D": {"size": 2, "interpolation": "bilinear"}})
        stack += [
            self._convolution(scaled(LAST_CHANNELS, self.width), self.activation),
            self._convolution(image_shape[2], "sigmoid", **AS_IMAGE),
        ]
        return stack + fit_to_image((height * 2**times, width * 2**times), image_shape)

    @staticmethod
    def _convolution(filters: int, activation: str, **arguments: str) -> Layer:
        shape = {"filters": filters, "kernel_size": 3, "padding": "same"}
        return {"Conv2D": {**shape, "activation": activation, **arguments}}
