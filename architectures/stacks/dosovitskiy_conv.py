"""The decoder of Dosovitskiy and Brox for convolutional layers."""

from typing import Annotated

from architectures.stacks.stack import (
    Layer,
    Stack,
    require_buildable,
    require_map,
    require_positive,
    scaled,
    up_convolutions,
)
from common.registry import ARCHITECTURES, Range

CONVOLUTIONS = 3
CONVOLUTION_FILTERS = 256
UP_FILTERS = (256, 128, 64, 32)


@ARCHITECTURES.register("dosovitskiy_conv")
class DosovitskiyConv(Stack):
    """The paper's decoder for feature maps: three 3×3 convolutions, then 5×5 up-convolutions (system E).

    Dosovitskiy and Brox, "Inverting Visual Representations with Convolutional Networks", arXiv 1506.02753.
    From AlexNet's 6×6×256 (pool5):

        layer       kernel  stride  output        parameters at width 1
        conv 1–3    3×3     1       6×6×256       590,080 each
        upconv 1    5×5     2       12×12×256     1,638,656
        upconv 2    5×5     2       24×24×128     819,328
        upconv 3    5×5     2       48×48×64      204,864
        upconv 4    5×5     2       96×96×32      51,232
        upconv 5    5×5     2       192×192×3     2,403

    Larger maps leave out the first up-convolutions, smaller ones repeat them. Leaky ReLU of slope 0.2 throughout, a
    sigmoid at the end, which keeps the image in [0, 1]; the result is resized to the image.

    Args:
        depth: Factor of the number of 3×3 convolutions, 3 at depth 1; at least one stays. Positive.
        width: Factor of the number of channels. Positive.
    """

    def __init__(self, depth: Annotated[float, Range(above=0)] = 1.0, width: Annotated[float, Range(above=0)] = 1.0):
        layers = scaled(CONVOLUTIONS, require_positive("dosovitskiy_conv.depth", depth))
        self.convolutions = require_buildable("dosovitskiy_conv.depth", layers)
        self.width = require_positive("dosovitskiy_conv.width", width)

    def layers(self, code_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> list[Layer]:
        height, width, _ = require_map("dosovitskiy_conv", code_shape)
        # Keras' leaky_relu has the paper's slope, 0.2, by default.
        convolution = {
            "filters": scaled(CONVOLUTION_FILTERS, self.width),
            "kernel_size": 3,
            "padding": "same",
            "activation": "leaky_relu",
        }
        filters = [scaled(count, self.width) for count in UP_FILTERS]
        return [
            *({"Conv2D": dict(convolution)} for _ in range(self.convolutions)),
            *up_convolutions(filters, 5, "leaky_relu", (height, width), image_shape),
        ]
