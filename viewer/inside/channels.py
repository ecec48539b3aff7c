"""What passes at a place of a network, channel by channel, and how its maps lie side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from viewer.core.drawing import Point, Size, halved, halvings

# Between maps, as a share of the longer side of one.
_GAP = 0.08


@dataclass(frozen=True)
class Place:
    """Where one can look into a network.

    Args:
        name: The same in every run whose spec builds the same there.
        title: What a person reads.
        shape: Of what passes there for one image.
        kind: maps [height, width, channels], vector [channels], or other, which cannot be shown.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    kind: Literal["maps", "vector", "other"]

    @property
    def channels(self) -> int:
        """How many channels pass there."""
        return self.shape[-1]

    @property
    def label(self) -> str:
        """`decoder 2 Conv2D · 32×32×64`."""
        return f"{self.title} · {'×'.join(map(str, self.shape))}"


@dataclass(frozen=True)
class Channels:
    """What passes at a place.

    Args:
        values: float32 or float16 [channels, height, width].
        unit: By which values are to be multiplied.
        shrunk: How many times fewer pixels the maps have in a row than in the network.
        means: float32 [channels].
        lows: The smallest of each channel.
        highs: The largest of each channel.
        strengths: The root mean square of each channel.
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
        """Name of the map of colours that shows them."""
        return "signed" if self.signed else "absolute"

    def ranges(self, shared: bool) -> tuple[np.ndarray, np.ndarray]:
        """What the first and the last colour mean for each channel, float32 [channels]; zero is the first colour, or
        with negative values the middle one.

        Args:
            shared: Whether all have the range of the largest; numbers of a vector always have.
        """
        largest = np.maximum(np.abs(self.lows), np.abs(self.highs))
        if shared or self.is_vector:
            largest = np.full_like(largest, largest[np.isfinite(largest)].max(initial=0.0))
        # A dead channel has the colour of zero.
        largest = np.where(largest > 0, largest, 1.0)
        return (-largest if self.signed else np.zeros_like(largest)), largest

    def value(self, channel: int, x: int, y: int) -> float:
        """A channel's value at a pixel of its map."""
        return float(self.values[channel, y, x]) * self.unit

    def level(self, scale: float) -> np.ndarray:
        """The values averaged as often as a pixel is left for each that is shown, float32 or float16.

        Args:
            scale: Pixels of the screen for each of a map.
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
        count: How many.
        height: Of each, in its own pixels.
        width: Of each.
        columns: Maps in a row.
    """

    count: int
    height: int
    width: int
    columns: int

    @classmethod
    def fitting(cls, count: int, height: int, width: int, pane: Size) -> "Mosaic":
        """With as many columns as make the maps largest in a pane."""
        columns = np.arange(1, count + 1)
        gap = max(height, width) * _GAP
        rows = -(-count // columns)
        scales = np.minimum(pane[0] / (columns * (width + gap)), pane[1] / (rows * (height + gap)))
        return cls(count, height, width, int(columns[scales.argmax()]))

    @property
    def gap(self) -> float:
        """Between maps, in pixels of theirs; half as much surrounds them all."""
        return max(self.height, self.width) * _GAP

    @property
    def rows(self) -> int:
        """Of maps."""
        return -(-self.count // self.columns)

    @property
    def size(self) -> tuple[float, float]:
        """(width, height) of the whole, in pixels of the maps."""
        return self.columns * (self.width + self.gap), self.rows * (self.height + self.gap)

    def at(self, share: Point) -> tuple[int, int, int] | None:
        """(position, x, y): whose pixel is at shares of the whole width and height; None between maps and beside."""
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
