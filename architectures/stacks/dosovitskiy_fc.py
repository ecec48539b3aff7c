"""The decoder of Dosovitskiy and Brox for fully connected layers."""

from typing import Annotated

from architectures.stacks.stack import Layer, Stack, require_buildable, require_positive, scaled, up_convolutions
from common.registry import ARCHITECTURES, Range

DENSE_LAYERS = 3
SIDE = 4
MAP_CHANNELS = 256
UP_FILTERS = (256, 128, 64, 32)


@ARCHITECTURES.register("dosovitskiy_fc")
class DosovitskiyFC(Stack):
    """The paper's decoder for vectors: three dense layers, a 4×4 map, then 5×5 up-convolutions (system E).

    Dosovitskiy and Brox, "Inverting Visual Representations with Convolutional Networks", arXiv 1506.02753.
    From AlexNet's 4096 numbers (fc6):

        layer       kernel  stride  output        parameters at width 1
        fc 1–3                      4096          16,781,312 each
        reshape                     4×4×256
        upconv 1    5×5     2       8×8×256       1,638,656
        upconv 2    5×5     2       16×16×128     819,328
        upconv 3    5×5     2       32×32×64      204,864
        upconv 4    5×5     2       64×64×32      51,232
        upconv 5    5×5     2       128×128×3     2,403

    Smaller images leave out the first up-convolutions, larger ones repeat them. Leaky ReLU of slope 0.2 throughout, a
    sigmoid at the end, which keeps the image in [0, 1]; the result is resized to the image.

    Args:
        depth: Factor of the number of dense layers, 3 at depth 1; at least one stays. Positive.
        width: Factor of the number of channels and of the dense layers' width. Positive.
    """

    def __init__(self, depth: Annotated[float, Range(above=0)] = 1.0, width: Annotated[float, Range(above=0)] = 1.0):
        layers = scaled(DENSE_LAYERS, require_positive("dosovitskiy_fc.depth", depth))
        self.dense_layers = require_buildable("dosovitskiy_fc.depth", layers)
        self.width = require_positive("dosovitskiy_fc.width", width)

    def layers(self, code_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> list[Layer]:
        shape = [SIDE, SIDE, scaled(MAP_CHANNELS, self.width)]
        # Keras' leaky_relu has the paper's slope, 0.2, by default.
        dense = {"units": SIDE * SIDE * shape[-1], "activation": "leaky_relu"}
        filters = [scaled(count, self.width) for count in UP_FILTERS]
        flatten: list[Layer] = [{"Flatten": {}}] if len(code_shape) > 1 else []
        return [
            *flatten,
            *({"Dense": dict(dense)} for _ in range(self.dense_layers)),
            {"Reshape": {"target_shape": shape}},
            *up_convolutions(filters, 5, "leaky_relu", (SIDE, SIDE), image_shape),
        ]
