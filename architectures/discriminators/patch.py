"""A discriminator that judges patches."""

import math
from typing import Annotated

from architectures.discriminators.head import Head
from architectures.stacks.stack import Layer
from common.registry import DISCRIMINATORS, Range

_KERNEL = 4
_LEAK = {"LeakyReLU": {"negative_slope": 0.2}}
# From here on a map has too few positions for a further halving to leave patches.
_SMALLEST_MAP = 8


@DISCRIMINATORS.register("patch")
class Patch(Head):
    """Strided convolutions to a map of logits: one for each patch, 46 pixels wide at three halvings.

    Isola et al., "Image-to-image translation with conditional adversarial networks" (PatchGAN), arXiv 1611.07004,
    with group instead of batch normalisation, so that an image is judged by itself.

    Args:
        width: Channels of the first convolution; they double with each halving, up to eight times as many. Positive.
        halvings: How often the size is halved before the logits; fewer where the map would become smaller than 4×4.
            At least 1.
    """

    reads = "image"

    def __init__(self, width: Annotated[int, Range(minimum=1)] = 64, halvings: Annotated[int, Range(minimum=1)] = 3):
        for name, value in (("width", width), ("halvings", halvings)):
            if value < 1:
                raise ValueError(f"patch.{name} must be at least 1, got {value}")
        self.width = width
        self.halvings = halvings

    def layers(self, shape: tuple[int, ...]) -> list[Layer]:
        fitting = math.floor(math.log2(max(1, min(shape[:2]) / _SMALLEST_MAP))) + 1
        stack: list[Layer] = []
        for index in range(min(self.halvings, fitting)):
            channels = self.width * 2 ** min(index, 3)
            stack.append(_convolution(channels, strides=2))
            if index:
                stack.append({"GroupNormalization": {"groups": math.gcd(channels, 8)}})
            stack.append(_LEAK)
        return [*stack, _convolution(1)]


def _convolution(filters: int, strides: int = 1) -> Layer:
    return {"Conv2D": {"filters": filters, "kernel_size": _KERNEL, "strides": strides, "padding": "same"}}
