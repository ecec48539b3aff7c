"""The plane on which a latent space is drawn: what spans it, which part is seen, and which images are shown."""

from collections.abc import Callable

import numpy as np

from viewer.state.latents.frame import Frame
from viewer.state.latents.geometry import NOTHING, Axis, Points, Space
from viewer.state.view import View


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
