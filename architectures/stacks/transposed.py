"""Transposed convolutions only."""

from typing import Annotated

from architectures.stacks.stack import Layer, Stack, require_map, require_positive, scaled, up_convolutions
from common.registry import ARCHITECTURES, Range

FILTERS = (512, 256, 128, 64)


@ARCHITECTURES.register("transposed")
class Transposed(Stack):
    """Transposed convolutions, each doubling the size, down to the image (system B).

    From 14×14 to 224×224 it is the decoder of `specs/resnet50_multilayer.yaml`: 256, 128 and 64 channels, then the
    image's own. Kernels of 4 at stride 2 cover every pixel equally often, which keeps checkerboards away.

    Args:
        width: Factor of the number of channels. Positive.
        activation: Activation of all but the last layer, by Keras' name.
    """

    def __init__(self, width: Annotated[float, Range(above=0)] = 1.0, activation: str = "relu"):
        self.width = require_positive("transposed.width", width)
        self.activation = activation

    def layers(self, code_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> list[Layer]:
        filters = [scaled(count, self.width) for count in FILTERS]
        height, width, _ = require_map("transposed", code_shape)
        return up_convolutions(filters, 4, self.activation, (height, width), image_shape)
