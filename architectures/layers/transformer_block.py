"""The block of a vision transformer."""

import math
from typing import Annotated, Any

import keras

from architectures.layers.multi_head_attention import MultiHeadAttention, require_positions
from common.registry import LAYERS, Range


@LAYERS.register("TransformerBlock")
class TransformerBlock(keras.layers.Layer):
    """Self-attention, then two dense layers, each normalised before and added to its input.

    Dosovitskiy et al., "An image is worth 16×16 words", arXiv 2010.11929, with the options of its successors:

        x = x + drop_path(layer_scale · attention(norm(x)))
        x = x + drop_path(layer_scale · dense(activation(dense(norm(x)))))

    Stochastic depth (drop path): Huang et al., arXiv 1603.09382. LayerScale: Touvron et al., arXiv 2103.17239.

    Args:
        heads: Number of attention heads; divides the channels.
        mlp_ratio: Width of the hidden dense layer, in units of the channels. Positive.
        dropout: Share of values dropped after the attention and after each dense layer while training, from 0 to
            below 1.
        drop_path: How often a branch is left out for an image while training, from 0 to below 1.
        layer_scale: What the learned factors of both branches start from, such as 1e-5; positive. Unset: no factors.
        activation: Activation between the dense layers, by Keras' name.
        use_bias: Give q, k and v a bias.
        epsilon: What the normalisations add to the variance. Positive.

    Example:
        TransformerBlock: {heads: 6, drop_path: 0.1}

    Input shape: [batch, tokens, channels] or [batch, height, width, channels].
    Output shape: the same.
    """

    def __init__(
        self,
        heads: Annotated[int, Range(minimum=1)],
        mlp_ratio: Annotated[float, Range(above=0)] = 4.0,
        dropout: Annotated[float, Range(minimum=0, below=1)] = 0.0,
        drop_path: Annotated[float, Range(minimum=0, below=1)] = 0.0,
        layer_scale: Annotated[float, Range(above=0)] | None = None,
        activation: str = "gelu",
        use_bias: bool = True,
        epsilon: Annotated[float, Range(above=0)] = 1e-6,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for argument, share in (("dropout", dropout), ("drop_path", drop_path)):
            if not 0 <= share < 1:
                raise ValueError(
                    f"TransformerBlock.{argument} must be from 0 to below 1, got {share}; the default is 0"
                )
        if mlp_ratio <= 0:
            raise ValueError(f"TransformerBlock.mlp_ratio must be positive, got {mlp_ratio}; the default is 4")
        if layer_scale is not None and layer_scale <= 0:
            raise ValueError(f"TransformerBlock.layer_scale must be positive, got {layer_scale}; 1e-5 is usual")
        if epsilon <= 0:
            raise ValueError(f"TransformerBlock.epsilon must be positive, got {epsilon}; the default is 1e-6")
        self.heads = heads
        self.mlp_ratio = mlp_ratio
        self.dropout = dropout
        self.drop_path = drop_path
        self.layer_scale = layer_scale
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.epsilon = epsilon
        # What one image costs, for `show`: known once the layer is built.
        self.multiply_adds: int | None = None
        self.activations: int | None = None

    def build(self, input_shape):
        *_, channels = require_positions(self.name, input_shape)
        hidden = max(1, round(channels * self.mlp_ratio))
        options = {"dtype": self.dtype_policy}
        self.attention_norm = keras.layers.LayerNormalization(epsilon=self.epsilon, name="attention_norm", **options)
        self.attention = MultiHeadAttention(self.heads, use_bias=self.use_bias, name="attention", **options)
        self.mlp_norm = keras.layers.LayerNormalization(epsilon=self.epsilon, name="mlp_norm", **options)
        self.expand = keras.layers.Dense(hidden, self.activation, name="expand", **options)
        self.contract = keras.layers.Dense(channels, name="contract", **options)
        for layer in (self.attention_norm, self.attention, self.mlp_norm, self.expand):
            layer.build(input_shape)
        self.contract.build((*input_shape[:-1], hidden))
        self.attention_scale, self.mlp_scale = (
            None
            if self.layer_scale is None
            else self.add_weight(
                name=name, shape=(channels,), initializer=keras.initializers.Constant(self.layer_scale)
            )
            for name in ("attention_scale", "mlp_scale")
        )
        # Named after this layer: checkpoints find the state of random generators by their layer's name.
        name = f"{self.name}_dropout"
        self.drop = keras.layers.Dropout(self.dropout, name=name, **options) if self.dropout else None
        # One draw for each image: a branch is there as a whole, or not at all.
        each = (None, *[1] * (len(input_shape) - 1))
        self.drop_branch = (
            keras.layers.Dropout(self.drop_path, noise_shape=each, name=f"{self.name}_drop_path", **options)
            if self.drop_path
            else None
        )
        tokens = math.prod(side or 1 for side in input_shape[1:-1])
        self.multiply_adds = self.attention.multiply_adds + 2 * tokens * channels * hidden
        self.activations = self.attention.activations + tokens * (5 * channels + hidden)
        self.built = True

    def call(self, inputs, training=False):
        branch = self._dropped(self.attention(self.attention_norm(inputs), training=training), training)
        inputs = inputs + self._branch(branch, self.attention_scale, training)
        hidden = self._dropped(self.expand(self.mlp_norm(inputs)), training)
        branch = self._dropped(self.contract(hidden), training)
        return inputs + self._branch(branch, self.mlp_scale, training)

    def _dropped(self, values, training: bool):
        return values if self.drop is None else self.drop(values, training=training)

    def _branch(self, values, scale, training: bool):
        """What is added to the stream."""
        if scale is not None:
            values = values * scale
        return values if self.drop_branch is None else self.drop_branch(values, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "mlp_ratio": self.mlp_ratio,
            "dropout": self.dropout,
            "drop_path": self.drop_path,
            "layer_scale": self.layer_scale,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "epsilon": self.epsilon,
        }
