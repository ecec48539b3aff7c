"""Activations at a place of a network, channel by channel, and the mosaic of their maps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from viewer.core.drawing import Point, Size, halved, halvings

# Between maps, as a share of the longer side of one.
_GAP = 0.08


@dataclass(frozen=True)
class Place:
    """A place of a network whose activations can be shown.

    Args:
        name: The same in every run whose spec builds the same layer there.
        title: Text for the user.
        shape: Shape of the activations of one image.
        kind: maps [height, width, channels], vector [channels], or other, which cannot be shown.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    kind: Literal["maps", "vector", "other"]

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[-1]

    @property
    def label(self) -> str:
        """`decoder 2 Conv2D · 32×32×64`."""
        return f"{self.title} · {'×'.join(map(str, self.shape))}"


@dataclass(frozen=True)
class Channels:
    """Activations at a place.

    Args:
        values: float32 or float16 [channels, height, width].
        unit: Factor of the values.
        shrunk: How many times fewer pixels a row of a map has than in the network.
        means: float32 [channels].
        lows: Minimum of each channel.
        highs: Maximum of each channel.
        strengths: Root mean square of each channel.
    """

    values: np.ndarray
    unit: float
    shrunk: int
    means: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    strengths: np.ndarray
    _levels: list[np.ndarray] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Channels | None":
        """From a reply; None where the place cannot be shown."""
        if "maps" not in arrays:
            return None
        means, lows, highs, strengths = (arrays[name] for name in ("means", "lows", "highs", "strengths"))
        return cls(arrays["maps"], values["unit"], values["shrunk"], means, lows, highs, strengths)

    @property
    def is_vector(self) -> bool:
        """Whether each channel is one number."""
        return self.values.shape[1:] == (1, 1)

    @property
    def signed(self) -> bool:
        """Whether there are negative values."""
        return bool((self.lows < 0).any())

    @property
    def colours(self) -> str:
        """Name of their colour map."""
        return "signed" if self.signed else "absolute"

    def ranges(self, shared: bool) -> tuple[np.ndarray, np.ndarray]:
        """The values of each channel's first and last colour, float32 [channels].

        Zero has the first colour, or the middle one where there are negative values.

        Args:
            shared: Whether all channels share the largest range, as those of a vector always do.
        """
        largest = np.maximum(np.abs(self.lows), np.abs(self.highs))
        if shared or self.is_vector:
            largest = np.full_like(largest, largest[np.isfinite(largest)].max(initial=0.0))
        # A dead channel gets the colour of zero.
        largest = np.where(largest > 0, largest, 1.0)
        return (-largest if self.signed else np.zeros_like(largest)), largest

    def value(self, channel: int, x: int, y: int) -> float:
        """A channel's value at a pixel of its map."""
        return float(self.values[channel, y, x]) * self.unit

    def level(self, scale: float) -> np.ndarray:
        """The values, halved as often as each pixel of the screen keeps at least one; float32 or float16.

        Args:
            scale: Pixels of the screen for each pixel of a map.
        """
        if not self._levels:
            self._levels.append(self.values)
        wanted = halvings(scale, self.values.shape[1:])
        while len(self._levels) <= wanted:
            self._levels.append(halved(self._levels[-1].astype(np.float32, copy=False), axis=1))
        return self._levels[wanted]


@dataclass(frozen=True)
class Mosaic:
    """Maps side by side, row after row.

    Args:
        count: Number of maps.
        height: Height of each, in its own pixels.
        width: Width of each.
        columns: Maps in a row.
    """

    count: int
    height: int
    width: int
    columns: int

    @classmethod
    def fitting(cls, count: int, height: int, width: int, pane: Size) -> "Mosaic":
        """The mosaic whose maps are largest in a pane."""
        columns = np.arange(1, count + 1)
        gap = max(height, width) * _GAP
        rows = -(-count // columns)
        scales = np.minimum(pane[0] / (columns * (width + gap)), pane[1] / (rows * (height + gap)))
        return cls(count, height, width, int(columns[scales.argmax()]))

    @property
    def gap(self) -> float:
        """Pixels between maps, and twice those around them all."""
        return max(self.height, self.width) * _GAP

    @property
    def rows(self) -> int:
        """Rows of maps."""
        return -(-self.count // self.columns)

    @property
    def size(self) -> tuple[float, float]:
        """(width, height) of the whole, in pixels of the maps."""
        return self.columns * (self.width + self.gap), self.rows * (self.height + self.gap)

    def at(self, share: Point) -> tuple[int, int, int] | None:
        """(position, x, y): the map and its pixel at shares of the whole size; None outside of all maps."""
        width, height = self.size
        column, x = divmod(share[0] * width, self.width + self.gap)
        row, y = divmod(share[1] * height, self.height + self.gap)
        x, y = x - self.gap / 2, y - self.gap / 2
        position = int(row) * self.columns + int(column)
        inside = 0 <= x < self.width and 0 <= y < self.height and 0 <= column < self.columns and row >= 0
        return (position, int(x), int(y)) if inside and position < self.count else None

    def box(self, position: int, pixel: tuple[int, int] | None = None) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) of a map, or of a pixel (x, y) of it, in shares of the whole."""
        left = position % self.columns * (self.width + self.gap) + self.gap / 2
        top = position // self.columns * (self.height + self.gap) + self.gap / 2
        width, height = self.width, self.height
        if pixel is not None:
            left, top, width, height = left + pixel[0], top + pixel[1], 1, 1
        across, down = self.size
        return left / across, top / down, (left + width) / across, (top + height) / down
