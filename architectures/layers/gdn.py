"""Generalised divisive normalisation."""

from typing import Annotated, Any

import keras
from keras import ops

from common.registry import LAYERS, Range

# Parameters are stored as sqrt(value + PEDESTAL): squared on the way out, they stay positive, and the pedestal
# keeps the gradient of the square from vanishing at 0 (Ballé et al., "End-to-end optimized image compression").
OFFSET = 2.0**-18
PEDESTAL = OFFSET**2


@ops.custom_gradient
def lower_bound(values, bound):
    """max(values, bound), whose gradient passes below the bound too where it would lead back above it."""
    outputs = ops.maximum(values, bound)

    def gradient(upstream):
        passes = ops.logical_or(values >= bound, upstream < 0.0)
        return ops.where(passes, upstream, 0.0), None

    return outputs, gradient


@LAYERS.register("GDN")
class GDN(keras.layers.Layer):
    """Generalised divisive normalisation: each channel is divided by a learned norm over all channels.

    Ballé, Laparra and Simoncelli, "Density modeling of images using a generalized normalization
    transformation", arXiv 1511.06281, with exponents 2 and 1/2, as learned codecs use it:

        y_i = x_i / sqrt(beta_i + Σ_j gamma_ij · x_j²)

    Args:
        inverse: Multiply instead of divide: the approximate inverse for the decoder.
        beta_minimum: Lower bound of beta, which keeps the norm from 0. Positive.
        gamma_init: What gamma's diagonal starts from; everything else starts from 0, beta from 1. Not negative.

    Input shape: [batch, …, channels].
    Output shape: the same.
    """

    def __init__(
        self,
        inverse: bool = False,
        beta_minimum: Annotated[float, Range(above=0)] = 1e-6,
        gamma_init: Annotated[float, Range(minimum=0)] = 0.1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if beta_minimum <= 0:
            raise ValueError(f"GDN.beta_minimum must be positive, got {beta_minimum}; the default is 1e-6")
        if gamma_init < 0:
            raise ValueError(f"GDN.gamma_init must not be negative, got {gamma_init}; the default is 0.1")
        self.inverse = inverse
        self.beta_minimum = beta_minimum
        self.gamma_init = gamma_init

    def build(self, input_shape):
        channels = input_shape[-1]
        # A norm in half precision overflows at 256² already: the parameters and their sum stay float32.
        self.beta = self.add_weight(
            name="beta",
            shape=(channels,),
            dtype="float32",
            autocast=False,
            initializer=lambda shape, dtype=None: ops.sqrt(ops.ones(shape, dtype) + PEDESTAL),
        )
        self.gamma = self.add_weight(
            name="gamma",
            shape=(channels, channels),
            dtype="float32",
            autocast=False,
            initializer=lambda shape, dtype=None: ops.sqrt(self.gamma_init * ops.eye(shape[0], dtype=dtype) + PEDESTAL),
        )
        self.built = True

    def call(self, inputs):
        beta = self._positive(self.beta, self.beta_minimum)
        gamma = self._positive(self.gamma, 0.0)
        values = ops.cast(inputs, "float32")
        norm = ops.sqrt(beta + ops.tensordot(ops.square(values), gamma, axes=[[-1], [1]]))
        return ops.cast(values * norm if self.inverse else values / norm, inputs.dtype)

    def _positive(self, weight, minimum: float):
        """The parameter that `weight` stores the root of, at least `minimum`."""
        bound = (minimum + PEDESTAL) ** 0.5
        # A custom gradient takes tensors, not variables: hence the copy.
        return ops.square(lower_bound(ops.copy(weight), bound)) - PEDESTAL

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "inverse": self.inverse,
            "beta_minimum": self.beta_minimum,
            "gamma_init": self.gamma_init,
        }
