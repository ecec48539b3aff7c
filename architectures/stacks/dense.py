"""A fully connected decoder."""

import math
from typing import Annotated

from architectures.stacks.stack import AS_IMAGE, Layer, Stack
from common.registry import ARCHITECTURES, Range


@ARCHITECTURES.register("dense")
class Dense(Stack):
    """Fully connected layers from any code to all pixels at once: the decoder for latent vectors and small images.

    Args:
        units: Width of each hidden layer, in order.
        activation: Activation of the hidden layers, by Keras' name.
        batch_normalization: Normalise each hidden layer before its activation.
        use_bias: Give hidden layers a bias. With batch normalisation it has no effect of its own.
        dropout: Share of each hidden layer's outputs dropped while training, from 0 to below 1.

    Example:
        dense: {units: [500, 1000, 500]}
    """

    def __init__(
        self,
        units: list[Annotated[int, Range(minimum=1)]],
        activation: str = "leaky_relu",
        batch_normalization: bool = False,
        use_bias: bool = True,
        dropout: Annotated[float, Range(minimum=0, below=1)] = 0.0,
    ):
        if any(width < 1 for width in units):
            raise ValueError(f"dense.units must be positive, got {list(units)}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dense.dropout must be from 0 to below 1, got {dropout}; the default is 0")
        self.units = list(units)
        self.activation = activation
        self.batch_normalization = batch_normalization
        self.use_bias = use_bias
        self.dropout = dropout

    def layers(self, code_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> list[Layer]:
        stack: list[Layer] = [{"Flatten": {}}] if len(code_shape) > 1 else []
        for width in self.units:
            stack.append({"Dense": {"units": width, "use_bias": self.use_bias}})
            if self.batch_normalization:
                stack.append({"BatchNormalization": {}})
            stack.append({"Activation": {"activation": self.activation}})
            if self.dropout:
                stack.append({"Dropout": {"rate": self.dropout}})
        return [
            *stack,
            {"Dense": {"units": math.prod(image_shape), "activation": "sigmoid", **AS_IMAGE}},
            {"Reshape": {"target_shape": list(image_shape), **AS_IMAGE}},
        ]
