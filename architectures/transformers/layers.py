"""The Keras layers that vision transformers need and Keras lacks."""

import keras
import numpy as np
from keras import ops

ACTIVATIONS = ("gelu", "quick_gelu", "gelu_tanh", "relu", "silu")


def _registered(cls):
    return keras.saving.register_keras_serializable("retrace")(cls)


@_registered
class PrefixTokens(keras.layers.Layer):
    """Puts learned tokens, such as the class token and registers, before those of the patches.

    Args:
        count: How many.
        seed: Decides their first values.

    Call:
        tokens: float [batch, tokens, width]. Returns float [batch, count + tokens, width].
    """

    def __init__(self, count: int, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.count, self.seed = count, seed

    def build(self, input_shape):
        initializer = keras.initializers.RandomNormal(stddev=0.02, seed=self.seed)
        shape = (1, self.count, input_shape[-1])
        self.tokens = self.add_weight(shape=shape, initializer=initializer, name="tokens")

    def call(self, tokens):
        first = ops.broadcast_to(self.tokens, (ops.shape(tokens)[0], self.count, self.tokens.shape[-1]))
        return ops.concatenate([ops.cast(first, tokens.dtype), tokens], axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.count + input_shape[1], input_shape[2])

    def get_config(self):
        return {**super().get_config(), "count": self.count, "seed": self.seed}


@_registered
class Positions(keras.layers.Layer):
    """Adds a learned vector to each token.

    Args:
        seed: Decides the first values.

    Call:
        tokens: float [batch, tokens, width]. Returns the same shape.
    """

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed

    def build(self, input_shape):
        initializer = keras.initializers.RandomNormal(stddev=0.02, seed=self.seed)
        self.positions = self.add_weight(shape=(1, *input_shape[1:]), initializer=initializer, name="positions")

    def call(self, tokens):
        return tokens + ops.cast(self.positions, tokens.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@_registered
class TokenScale(keras.layers.Layer):
    """LayerScale: multiplies each channel by a learned factor, at first 1.

    Call:
        tokens: float [batch, tokens, width]. Returns the same shape.
    """

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

    def call(self, tokens):
        return tokens * ops.cast(self.scale, tokens.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


@_registered
class TokenActivation(keras.layers.Layer):
    """An activation of published transformers, by its name in this project.

    Args:
        kind: One of ACTIVATIONS.
    """

    def __init__(self, kind: str, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind

    def call(self, values):
        if self.kind == "quick_gelu":
            return values * ops.sigmoid(1.702 * values)
        if self.kind == "gelu":  # `ops.gelu` calls erfc, which ONNX lacks
            return 0.5 * values * (1 + ops.erf(values * 0.5**0.5))
        if self.kind == "gelu_tanh":
            return ops.gelu(values, approximate=True)
        return ops.relu(values) if self.kind == "relu" else ops.silu(values)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}


@_registered
class SplitGate(keras.layers.Layer):
    """SwiGLU of both halves of the channels: silu(first) · second.

    Call:
        values: float [batch, tokens, 2 · width]. Returns float [batch, tokens, width].
    """

    def call(self, values):
        first, second = ops.split(values, 2, axis=-1)
        return ops.silu(first) * second

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // 2)


@_registered
class HeadAttention(keras.layers.Layer):
    """Attention of several heads between projected queries, keys and values; has no weights.

    Args:
        heads: How many.
        theta: Base of DINOv3's rotary positions of the patches. None: positions are in the tokens.
        grid: Rows and columns of patches, which are the last tokens; with theta.

    Call:
        inputs: [queries, keys, values], each float [batch, tokens, width]; there may be other queries than keys.
        Returns float [batch, queries, width].
    """

    def __init__(self, heads: int, theta: float | None = None, grid: tuple[int, int] = (0, 0), **kwargs):
        super().__init__(**kwargs)
        self.heads, self.theta, self.grid = heads, theta, tuple(grid)

    def call(self, inputs):
        queries, keys, values = (self._apart(tensor) for tensor in inputs)
        size = queries.shape[-1]
        if self.theta is not None:
            cosine, sine = (
                ops.cast(table, queries.dtype) for table in self._rotations(self.theta, queries.shape[2], size)
            )
            queries, keys = (tensor * cosine + _turned(tensor) * sine for tensor in (queries, keys))
        weights = ops.softmax(ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2))) * size**-0.5, axis=-1)
        mixed = ops.transpose(ops.matmul(weights, values), (0, 2, 1, 3))
        return ops.reshape(mixed, (-1, mixed.shape[1], self.heads * size))

    def _apart(self, tensor):
        tensor = ops.reshape(tensor, (-1, tensor.shape[1], self.heads, tensor.shape[2] // self.heads))
        return ops.transpose(tensor, (0, 2, 1, 3))

    def _rotations(self, theta: float, tokens: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Cosine and sine [tokens, size] of each token's angles; tokens before the patches do not turn."""
        frequencies = 1 / theta ** np.arange(0, 1, 4 / size, dtype=np.float32)
        sides = [2 * (np.arange(side, dtype=np.float32) + 0.5) / side - 1 for side in self.grid]
        centres = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
        angles = np.tile((2 * np.pi * centres[:, :, None] * frequencies).reshape(len(centres), -1), 2)
        angles = np.concatenate([np.zeros((tokens - len(centres), size), np.float32), angles])
        return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return {**super().get_config(), "heads": self.heads, "theta": self.theta, "grid": self.grid}


def _turned(tensor):
    first, second = ops.split(tensor, 2, axis=-1)
    return ops.concatenate([-second, first], axis=-1)


@_registered
class Probe(keras.layers.Layer):
    """A learned query beside the tokens that it will be asked of, as SigLIP's head has it.

    Args:
        seed: Decides its first values.

    Call:
        tokens: float [batch, tokens, width]. Returns float [batch, 1, width].
    """

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed

    def build(self, input_shape):
        initializer = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
        self.probe = self.add_weight(shape=(1, 1, input_shape[-1]), initializer=initializer, name="probe")

    def call(self, tokens):
        return ops.cast(ops.broadcast_to(self.probe, (ops.shape(tokens)[0], 1, self.probe.shape[-1])), tokens.dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1, input_shape[2])

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@_registered
class WindowAttention(keras.layers.Layer):
    """Swin's attention within windows of a map, with a learned bias for each relative position.

    Liu et al., "Swin Transformer: hierarchical vision transformer using shifted windows", arXiv 2103.14030.

    Args:
        heads: How many.
        window: Side of a window, in patches; the map is a whole number of windows.
        shift: How far the windows are shifted. Windows over the map's edge see no further than it.
        seed: Decides the first values of the biases.

    Call:
        inputs: [queries, keys, values], each float [batch, height, width, channels]. Returns that shape.
    """

    def __init__(self, heads: int, window: int, shift: int, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.window, self.shift, self.seed = heads, window, shift, seed

    def build(self, input_shape):
        initializer = keras.initializers.RandomNormal(stddev=0.02, seed=self.seed)
        shape = ((2 * self.window - 1) ** 2, self.heads)
        self.biases = self.add_weight(shape=shape, initializer=initializer, name="biases")

    def call(self, inputs):
        height, width, channels = inputs[0].shape[1:]
        rows, columns, area = height // self.window, width // self.window, self.window**2
        size = channels // self.heads
        apart = (-1, rows, self.window, columns, self.window, self.heads, size)
        queries, keys, values = (
            ops.reshape(
                ops.transpose(ops.reshape(_rolled(tensor, self.shift), apart), (0, 1, 3, 5, 2, 4, 6)),
                (-1, rows * columns, self.heads, area, size),
            )
            for tensor in inputs
        )
        scores = ops.matmul(queries, ops.transpose(keys, (0, 1, 2, 4, 3))) * size**-0.5
        bias = ops.reshape(ops.take(self.biases, self._places(), axis=0), (area, area, self.heads))
        scores = scores + ops.cast(ops.transpose(bias, (2, 0, 1))[None, None], scores.dtype)
        if self.shift:
            scores = scores + ops.cast(self._mask(height, width), scores.dtype)
        mixed = ops.matmul(ops.softmax(scores, axis=-1), values)
        mixed = ops.reshape(mixed, (-1, rows, columns, self.heads, self.window, self.window, size))
        mixed = ops.reshape(ops.transpose(mixed, (0, 1, 4, 2, 5, 3, 6)), (-1, height, width, channels))
        return _rolled(mixed, -self.shift)

    def _places(self) -> np.ndarray:
        """Row of the table for each pair of positions in a window, int32 [window⁴]."""
        places = np.stack(np.meshgrid(*[np.arange(self.window)] * 2, indexing="ij")).reshape(2, -1)
        apart = places[:, :, None] - places[:, None, :] + self.window - 1
        return (apart[0] * (2 * self.window - 1) + apart[1]).reshape(-1).astype(np.int32)

    def _mask(self, height: int, width: int) -> np.ndarray:
        """float32 [1, windows, 1, window², window²]: −100 where two positions were not neighbours before the shift."""
        regions = [
            (np.arange(side) >= side - self.window).astype(int) + (np.arange(side) >= side - self.shift)
            for side in (height, width)
        ]
        regions = regions[0][:, None] * 3 + regions[1]
        rows, columns = height // self.window, width // self.window
        regions = regions.reshape(rows, self.window, columns, self.window).transpose(0, 2, 1, 3)
        regions = regions.reshape(rows * columns, self.window**2)
        return np.where(regions[:, :, None] != regions[:, None], -100.0, 0.0).astype(np.float32)[None, :, None]

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        config = {"heads": self.heads, "window": self.window, "shift": self.shift, "seed": self.seed}
        return {**super().get_config(), **config}


def _rolled(tensor, shift: int):
    """The map, moved up and left by `shift` and around its edges, in operations that every export format has."""
    if not shift:
        return tensor
    tensor = ops.concatenate([tensor[:, shift:], tensor[:, :shift]], axis=1)
    return ops.concatenate([tensor[:, :, shift:], tensor[:, :, :shift]], axis=2)


@_registered
class MergePatches(keras.layers.Layer):
    """The four patches of each square of 2×2 as one of four times the channels, column by column.

    Call:
        values: float [batch, height, width, channels], even sides. Returns [batch, height/2, width/2, 4 · channels].
    """

    def call(self, values):
        parts = [values[:, row::2, column::2] for column in range(2) for row in range(2)]
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height // 2, width // 2, 4 * channels)
