"""What part of a plane is on screen: its edges, and where its points are drawn."""

from dataclasses import dataclass

import numpy as np

from viewer.state.view import Point, Size, View

# Both axes have one scale, as distances in the plane have, unless one spread is so many times the other.
_LARGEST_RATIO = 4.0
_MARGIN = 0.06
# A spread that fills less of the frame than this asks for a new one.
_LEAST_FILL = 0.4


@dataclass(frozen=True)
class Frame:
    """Edges of a part of the plane, in its own numbers; the upper edge is the larger one."""

    left: float
    right: float
    bottom: float
    top: float

    @classmethod
    def around(cls, across: np.ndarray, up: np.ndarray) -> "Frame":
        """The frame that holds all points, with a margin. What is no number lies nowhere."""
        edges = []
        numbers = np.isfinite(across) & np.isfinite(up)
        for places in (across[numbers], up[numbers]):
            low, high = (float(places.min()), float(places.max())) if len(places) else (0.0, 0.0)
            margin = _MARGIN * (high - low) or 1.0
            edges += [low - margin, high + margin]
        return cls(*edges)

    def holds(self, other: "Frame") -> bool:
        """Whether another frame lies in this one."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.bottom <= other.bottom and other.top <= self.top

    def suits(self, other: "Frame") -> bool:
        """Whether what fills another frame is well seen in this one."""
        across = (other.right - other.left) / (self.right - self.left)
        up = (other.top - other.bottom) / (self.top - self.bottom)
        return self.holds(other) and max(across, up) >= _LEAST_FILL

    def fitted(self, size: Size) -> "Frame":
        """Enlarged to the proportions of a pane (width, height), so that both axes have one scale."""
        width, height = self.right - self.left, self.top - self.bottom
        if not 1 / _LARGEST_RATIO <= width / height <= _LARGEST_RATIO:
            return self
        scale = max(width / size[0], height / size[1])
        x, y = (scale * size[0] - width) / 2, (scale * size[1] - height) / 2
        return Frame(self.left - x, self.right + x, self.bottom - y, self.top + y)

    def to_pane(
        self, size: Size, view: View, across: np.ndarray | float, up: np.ndarray | float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where points of the plane are drawn: pixels from the left and from the top of a pane."""
        scale, left, top = view.placed(size, size)
        x = left + (np.asarray(across) - self.left) / (self.right - self.left) * size[0] * scale
        y = top + (self.top - np.asarray(up)) / (self.top - self.bottom) * size[1] * scale
        return x, y

    def from_pane(self, size: Size, view: View, point: Point) -> Point:
        """The opposite of `to_pane`, of one point."""
        x, y = view.to_share(size, size, point)
        return self.left + x * (self.right - self.left), self.top - y * (self.top - self.bottom)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two, at most so many, evenly spaced."""
    rough = max(high - low, 1e-30) / max(1, most)
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = int(np.ceil(low / step)), int(np.floor(high / step))
    return [number * step for number in range(first, last + 1)][: most + 1]
