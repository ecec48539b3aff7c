"""Self-attention with several heads."""

import math
from typing import Annotated, Any

import keras
from keras import ops

from common.registry import LAYERS, Range


@LAYERS.register("MultiHeadAttention")
class MultiHeadAttention(keras.layers.Layer):
    """Self-attention: each token becomes a weighted mean over all tokens, in several heads at once.

    Vaswani et al., "Attention is all you need", arXiv 1706.03762:

        softmax(q · kᵀ / sqrt(head size)) · v, the heads side by side, through a dense layer

    It has one input, unlike Keras' layer of this name. The positions of a map attend to each other like tokens. One
    dense layer computes q, k and v, in this order, as in published vision transformers.

    Args:
        heads: Number of heads.
        head_size: Width of each head. Unset: the input's channels divided by the heads.
        use_bias: Give q, k and v a bias. The last dense layer always has one.
        dropout: Share of the attention weights dropped while training, from 0 to below 1.

    Example:
        MultiHeadAttention: {heads: 4}

    Input shape: [batch, tokens, channels] or [batch, height, width, channels].
    Output shape: the same.
    """

    def __init__(
        self,
        heads: Annotated[int, Range(minimum=1)],
        head_size: Annotated[int, Range(minimum=1)] | None = None,
        use_bias: bool = True,
        dropout: Annotated[float, Range(minimum=0, below=1)] = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if heads < 1:
            raise ValueError(f"MultiHeadAttention.heads must be at least 1, got {heads}")
        if head_size is not None and head_size < 1:
            raise ValueError(f"MultiHeadAttention.head_size must be at least 1, got {head_size}; leave it out")
        if not 0 <= dropout < 1:
            raise ValueError(f"MultiHeadAttention.dropout must be from 0 to below 1, got {dropout}; the default is 0")
        self.heads = heads
        self.head_size = head_size
        self.use_bias = use_bias
        self.dropout = dropout
        # What one image costs, for `show`: known once the layer is built.
        self.multiply_adds: int | None = None
        self.activations: int | None = None

    def build(self, input_shape):
        *_, channels = require_positions(self.name, input_shape)
        size = self.head_size or channels // self.heads
        if self.head_size is None and channels % self.heads:
            raise ValueError(
                f"{self.name}: {channels} channels cannot be divided by {self.heads} heads; choose heads that divide "
                "them, or give head_size"
            )
        inner = self.heads * size
        dtype = self.dtype_policy
        self.qkv = keras.layers.Dense(3 * inner, use_bias=self.use_bias, dtype=dtype, name="qkv")
        self.qkv.build(input_shape)
        self.projection = keras.layers.Dense(channels, dtype=dtype, name="projection")
        self.projection.build((*input_shape[:-1], inner))
        # Named after this layer: checkpoints find the state of random generators by their layer's name.
        name = f"{self.name}_dropout"
        self.drop = keras.layers.Dropout(self.dropout, dtype=dtype, name=name) if self.dropout else None
        tokens = math.prod(side or 1 for side in input_shape[1:-1])
        self.multiply_adds = tokens * 4 * channels * inner + 2 * tokens**2 * inner
        self.activations = tokens * (4 * inner + channels) + self.heads * tokens**2
        self.built = True

    def call(self, inputs, training=False):
        shape = ops.shape(inputs)
        tokens = math.prod(shape[1:-1])
        query, key, value = (self._of_heads(part, shape[0], tokens) for part in ops.split(self.qkv(inputs), 3, axis=-1))
        scores = ops.matmul(query * query.shape[-1] ** -0.5, ops.transpose(key, (0, 1, 3, 2)))
        # In half precision a softmax over many tokens loses the small weights.
        weights = ops.cast(ops.softmax(ops.cast(scores, "float32"), axis=-1), value.dtype)
        if self.drop is not None:
            weights = self.drop(weights, training=training)
        mixed = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
        return self.projection(ops.reshape(mixed, (*shape[:-1], self.heads * value.shape[-1])))

    def _of_heads(self, values, batch, tokens):
        """[batch, …, heads · size] → [batch, heads, tokens, size]."""
        size = values.shape[-1] // self.heads
        return ops.transpose(ops.reshape(values, (batch, tokens, self.heads, size)), (0, 2, 1, 3))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "head_size": self.head_size,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
        }


def require_positions(name: str, shape: tuple) -> tuple:
    """`shape`, with the batch, or a ValueError where it has no positions between batch and channels."""
    if len(shape) < 3:
        raise ValueError(
            f"{name} needs tokens [n, channels] or a map [height, width, channels], got {list(shape[1:])}; put a "
            "Reshape before it"
        )
    return tuple(shape)
