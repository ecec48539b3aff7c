"""The plane on which a latent space is drawn: what spans it, which part is seen, and which images are shown."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from viewer.core.drawing import Point, Size, View
from viewer.latents.geometry import NOTHING, Axis, Points, Space

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
        scale, left, top = view.placement(size, size)
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


class LatentPlane:
    """See the module.

    Args:
        changed: Called after every change.

    Attributes:
        space: Whose images are drawn; None before one was read.
        axes: What spans the plane: across, up.
        frame: The part of the plane that holds all images.
        view: Which part of that is on screen.
        held_out: Images that did not train; None while none are known.
        held_out_shown: Whether they are drawn.
        hidden: Classes that are not drawn.
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
        """Shows another space. Of the same run, all that can be kept is kept: then one sees how it grows."""
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
        """Draws more images that did not train."""
        self.held_out = points if self.held_out is None else self.held_out.and_also(points)
        if self.view == View() and not self.frame.holds(self._tight()):
            self.frame = self._tight()
        self._count()

    def places(self, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """float32 [n] across and [n] up: where images lie in the plane."""
        across, up = (self.space.places(points, axis) for axis in self.axes)
        return across, up

    def place(self, vector: np.ndarray) -> tuple[float, float]:
        """Where a point lies in the plane: across, up."""
        across, up = (self.space.place(vector, axis) for axis in self.axes)
        return across, up

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes that are there, ascending."""
        return () if self.space is None else self.space.classes

    # What a person does

    def set_axis(self, number: int, axis: Axis) -> None:
        """Chooses what spans the plane across (0) or up (1); the axis in use there is exchanged."""
        axes = list(self.axes)
        if axes[1 - number] == axis:
            axes[1 - number] = axes[number]
        axes[number] = axis
        self.axes = axes[0], axes[1]
        self.show_all()

    def show_all(self) -> None:
        """Brings all images on screen."""
        self.view, self.frame = View(), self._tight()
        self._count()

    def set_view(self, view: View) -> None:
        """Zooms or pans."""
        if view != self.view:
            self.view = view
            self._count()

    def toggle_class(self, label: int) -> None:
        """Hides a class, or shows it again."""
        self.hidden = self.hidden ^ {label}
        self._count()

    def show_held_out(self, shown: bool) -> None:
        """Draws images that did not train, or leaves them out."""
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
