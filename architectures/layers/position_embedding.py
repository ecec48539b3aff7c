"""Where a token is."""

import math
from typing import Annotated, Any, Literal

import keras
import numpy as np
from keras import ops

from architectures.layers.multi_head_attention import require_positions
from common.registry import LAYERS, Range

# Of a stored grid: more rows would be a mistake, and take the memory of a map.
_LONGEST = 4096
# PyTorch's, with which published vision transformers resample their positions.
_CUBIC = -0.75


@LAYERS.register("PositionEmbedding")
class PositionEmbedding(keras.layers.Layer):
    """Adds a vector to each token or position of a map that tells where it is.

    learned: one trained vector for each position, as in Dosovitskiy et al., arXiv 2010.11929. sine: fixed sines and
    cosines, the first half of the channels for the column and the second for the row, as in He et al., "Masked
    autoencoders are scalable vision learners", arXiv 2111.06377.

    Positions are stored for one grid. For a map of another size they are resampled, as vision transformers do for
    images of other sizes than they were trained on.

    Args:
        kind: learned or sine.
        grid: Rows and columns of the stored grid, or one number for a square. Unset: those of what enters.
        interpolation: How positions are resampled for another size: as PyTorch does, without antialias.
        leading: Class and register tokens at the beginning, which are in no grid. Each has a learned vector of its
            own; with sine they stay unchanged.

    Example:
        PositionEmbedding: {kind: sine}

    Input shape: [batch, leading + rows · columns, channels] or [batch, rows, columns, channels]. Tokens of another
        number than the grid's are a square.
    Output shape: the same.
    """

    def __init__(
        self,
        kind: Literal["learned", "sine"] = "learned",
        grid: Annotated[int, Range(minimum=1, maximum=4096)]
        | tuple[Annotated[int, Range(minimum=1, maximum=4096)], Annotated[int, Range(minimum=1, maximum=4096)]]
        | None = None,
        interpolation: Literal["bicubic", "bilinear"] = "bicubic",
        leading: Annotated[int, Range(minimum=0)] = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        sides = (grid, grid) if isinstance(grid, int) else grid and tuple(grid)
        if sides is not None and (len(sides) != 2 or min(sides) < 1 or max(sides) > _LONGEST):
            raise ValueError(
                f"PositionEmbedding.grid must be one number or [rows, columns], from 1 to {_LONGEST}, got {grid}"
            )
        if kind not in ("learned", "sine"):
            raise ValueError(f"PositionEmbedding.kind must be learned or sine, got '{kind}'")
        if interpolation not in ("bicubic", "bilinear"):
            raise ValueError(f"PositionEmbedding.interpolation must be bicubic or bilinear, got '{interpolation}'")
        if leading < 0:
            raise ValueError(f"PositionEmbedding.leading must not be negative, got {leading}; the default is 0")
        self.kind = kind
        self.grid = grid if grid is None or isinstance(grid, int) else list(grid)
        # Private, because exports and tables would take it for the method of a layer that resizes images.
        self._interpolation = interpolation
        self.leading = leading
        self._stored = sides

    def build(self, input_shape):
        *_, channels = require_positions(self.name, input_shape)
        if len(input_shape) == 4 and self.leading:
            raise ValueError(f"{self.name}: a map has no leading tokens; remove leading")
        size = self._size(input_shape)
        stored = self._stored or size
        if max(stored) > _LONGEST:
            raise ValueError(f"{self.name}: positions exist for up to {_LONGEST} rows and columns, got {stored}")
        self._resample = [
            None if old == new else resampling_matrix(old, new, self._interpolation) for old, new in zip(stored, size)
        ]
        self._table_size = stored
        if self.kind == "learned":
            # In half precision resampling would round: the table stays float32.
            self.positions = self.add_weight(
                name="positions",
                shape=(self.leading + stored[0] * stored[1], channels),
                initializer=keras.initializers.TruncatedNormal(stddev=0.02),
                dtype="float32",
                autocast=False,
            )
        elif channels % 4:
            raise ValueError(
                f"{self.name}: sine positions need a multiple of 4 channels, got {channels}; let the layer before give "
                f"{-(-channels // 4) * 4}, or use kind: learned"
            )
        else:
            self._sine = self._sine_positions(channels)
        self.built = True

    def _size(self, shape: tuple) -> tuple[int, int]:
        """Rows and columns of what enters."""
        if None in shape[1:-1]:
            raise ValueError(f"{self.name} must know its input's size, got {list(shape[1:])}; resize to one size")
        if len(shape) == 4:
            return shape[1], shape[2]
        if len(shape) != 3:
            raise ValueError(f"{self.name} takes tokens or a map, got {list(shape[1:])}")
        count = shape[1] - self.leading
        if self._stored is not None and count == self._stored[0] * self._stored[1]:
            return self._stored
        side = math.isqrt(max(count, 0))
        if count < 1 or side**2 != count:
            rest = f" after {self.leading} leading ones" if self.leading else ""
            raise ValueError(
                f"{self.name}: the grid of {count} tokens{rest} is not known, for they are no square; give grid: "
                "[rows, columns], or leading if the first are class and register tokens"
            )
        return side, side

    def _sine_positions(self, channels: int) -> np.ndarray:
        """Float32 [leading + rows · columns, channels], of the size of what enters."""
        rows, columns = (
            part if matrix is None else matrix @ part
            for matrix, part in zip(self._resample, (sines(side, channels // 2) for side in self._table_size))
        )
        shape = (len(rows), len(columns), channels // 2)
        parts = [np.broadcast_to(columns[None], shape), np.broadcast_to(rows[:, None], shape)]
        grid = np.concatenate(parts, axis=-1).astype("float32")
        return np.concatenate([np.zeros((self.leading, channels), "float32"), grid.reshape(-1, channels)])

    def _learned_positions(self):
        """Float32 [leading + rows · columns, channels], of the size of what enters."""
        table = ops.convert_to_tensor(self.positions)
        grid = ops.reshape(table[self.leading :], (*self._table_size, table.shape[-1]))
        for axis, matrix in zip("hw", self._resample):
            if matrix is not None:
                grid = ops.einsum(f"n{axis},hwc->{'hwc'.replace(axis, 'n')}", matrix.astype("float32"), grid)
        grid = ops.reshape(grid, (-1, table.shape[-1]))
        return ops.concatenate([table[: self.leading], grid]) if self.leading else grid

    def call(self, inputs):
        positions = self._learned_positions() if self.kind == "learned" else ops.convert_to_tensor(self._sine)
        positions = ops.reshape(positions, (1, *inputs.shape[1:]))
        return inputs + ops.cast(positions, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kind": self.kind,
            "grid": self.grid,
            "interpolation": self._interpolation,
            "leading": self.leading,
        }


def sines(count: int, channels: int) -> np.ndarray:
    """Sines, then cosines, of the places 0, 1, … at wavelengths from 2π to 2π · 10,000.

    Args:
        count: Number of places.
        channels: An even number.

    Returns:
        float64 [count, channels].
    """
    frequencies = 10000.0 ** -(np.arange(channels // 2) / (channels / 2))
    angles = np.arange(count)[:, None] * frequencies
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def resampling_matrix(old: int, new: int, interpolation: Literal["bicubic", "bilinear"]) -> np.ndarray:
    """The weight of each old place in each new one, as PyTorch interpolates: pixel centres, no antialias.

    A product with a constant matrix exports to every format, which resizing does not.

    Returns:
        float64 [new, old]; each row adds up to 1.
    """
    places = (np.arange(new) + 0.5) * old / new - 0.5
    if interpolation == "bilinear":
        places = np.maximum(places, 0)
    first = np.floor(places).astype(int)
    matrix = np.zeros((new, old))
    for offset in (-1, 0, 1, 2) if interpolation == "bicubic" else (0, 1):
        distances = np.abs(places - first - offset)
        weights = _cubic(distances) if interpolation == "bicubic" else 1 - distances
        # Places beyond the border have the border's value.
        np.add.at(matrix, (np.arange(new), np.clip(first + offset, 0, old - 1)), weights)
    return matrix


def _cubic(distances: np.ndarray) -> np.ndarray:
    """Keys' cubic kernel, for distances up to 2."""
    near = (_CUBIC + 2) * distances**3 - (_CUBIC + 3) * distances**2 + 1
    far = _CUBIC * (distances**3 - 5 * distances**2 + 8 * distances - 4)
    return np.where(distances <= 1, near, far)
