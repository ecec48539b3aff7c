"""The plane of the Latent space panel: its axes, its visible part, and the images on it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from viewer.core.drawing import Point, Size, View
from viewer.latents.geometry import NOTHING, Axis, Points, Space

# Both axes have one scale, unless one spread is so many times the other.
_LARGEST_RATIO = 4.0
_MARGIN = 0.06
# A spread that fills a smaller share of the frame gets a new frame.
_LEAST_FILL = 0.4


@dataclass(frozen=True)
class Frame:
    """Edges of a part of the plane, in its coordinates; `top` is larger than `bottom`."""

    left: float
    right: float
    bottom: float
    top: float

    @classmethod
    def around(cls, across: np.ndarray, up: np.ndarray) -> "Frame":
        """The frame of all points with finite coordinates, with a margin."""
        edges = []
        numbers = np.isfinite(across) & np.isfinite(up)
        for places in (across[numbers], up[numbers]):
            low, high = (float(places.min()), float(places.max())) if len(places) else (0.0, 0.0)
            margin = _MARGIN * (high - low) or 1.0
            edges += [low - margin, high + margin]
        return cls(*edges)

    def holds(self, other: "Frame") -> bool:
        """Whether this frame contains another one."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.bottom <= other.bottom and other.top <= self.top

    def suits(self, other: "Frame") -> bool:
        """Whether the contents of another frame are well visible in this one."""
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
        """Pixels of a pane, from its left and top, of points of the plane."""
        scale, left, top = view.placement(size, size)
        x = left + (np.asarray(across) - self.left) / (self.right - self.left) * size[0] * scale
        y = top + (self.top - np.asarray(up)) / (self.top - self.bottom) * size[1] * scale
        return x, y

    def from_pane(self, size: Size, view: View, point: Point) -> Point:
        """The inverse of `to_pane`, for one point."""
        x, y = view.to_share(size, size, point)
        return self.left + x * (self.right - self.left), self.top - y * (self.top - self.bottom)


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many evenly spaced round numbers between two."""
    rough = max(high - low, 1e-30) / max(1, most)
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = int(np.ceil(low / step)), int(np.floor(high / step))
    return [number * step for number in range(first, last + 1)][: most + 1]


class LatentPlane:
    """The state of the plane.

    Args:
        changed: Called after every change.

    Attributes:
        space: The space; None until it is read.
        axes: Axes across and up.
        frame: The part of the plane with all images.
        view: Its visible part.
        held_out: Images that were not trained on; None while unknown.
        held_out_shown: Whether they are drawn.
        hidden: Hidden classes.
        version: Counts changes.
    """

    def __init__(self, changed: Callable[[], None]):
        self._changed = changed
        self.space: Space | None = None
        self.axes: tuple[Axis, Axis] = (NOTHING, NOTHING)
        self.frame = Frame(-1.0, 1.0, -1.0, 1.0)
        self.view = View()
        self.held_out: Points | None = None
        self.held_out_shown = True
        self.hidden: frozenset[int] = frozenset()
        self.version = 0

    def show(self, space: Space | None) -> None:
        """Shows another space. For the same run axes and frame are kept, so that checkpoints can be compared."""
        before, self.space, self.held_out = self.space, space, None
        if space is not None and (before is None or before.run != space.run or before.size != space.size):
            self.view, self.hidden = View(), frozenset()
            self.axes = _first_two(space)
            self.frame = self._tight()
        elif space is not None:
            known = {*space.axes(), NOTHING}
            if not known.issuperset(self.axes):
                self.axes = _first_two(space)
            tight = self._tight()
            self.frame = self.frame if self.frame.suits(tight) else tight
        self._count()

    def add_held_out(self, points: Points) -> None:
        """Adds images that were not trained on."""
        self.held_out = points if self.held_out is None else self.held_out.and_also(points)
        if self.view == View() and not self.frame.holds(self._tight()):
            self.frame = self._tight()
        self._count()

    def places(self, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """float32 [n] across and [n] up: coordinates of images."""
        across, up = (self.space.places(points, axis) for axis in self.axes)
        return across, up

    def place(self, vector: np.ndarray) -> tuple[float, float]:
        """Coordinates of a point: across, up."""
        across, up = (self.space.place(vector, axis) for axis in self.axes)
        return across, up

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes of the images, ascending."""
        return () if self.space is None else self.space.classes

    # Actions of the user

    def set_axis(self, number: int, axis: Axis) -> None:
        """Sets the axis across (0) or up (1); where the other one has it, they are exchanged."""
        axes = list(self.axes)
        if axes[1 - number] == axis:
            axes[1 - number] = axes[number]
        axes[number] = axis
        self.axes = axes[0], axes[1]
        self.show_all()

    def show_all(self) -> None:
        """Shows all images."""
        self.view, self.frame = View(), self._tight()
        self._count()

    def set_view(self, view: View) -> None:
        """Sets the view."""
        if view != self.view:
            self.view = view
            self._count()

    def toggle_class(self, label: int) -> None:
        """Hides a class, or shows it again."""
        self.hidden = self.hidden ^ {label}
        self._count()

    def show_held_out(self, shown: bool) -> None:
        """Shows or hides images that were not trained on."""
        self.held_out_shown = shown
        self._count()

    def _tight(self) -> Frame:
        if self.space is None:
            return self.frame
        points = self.space.points
        if self.held_out is not None and self.held_out_shown:
            points = points.and_also(self.held_out)
        return Frame.around(*self.places(points))

    def _count(self) -> None:
        self.version += 1
        self._changed()


def _first_two(space: Space) -> tuple[Axis, Axis]:
    across, up, *_ = (*space.axes(), NOTHING, NOTHING)
    return across, up
