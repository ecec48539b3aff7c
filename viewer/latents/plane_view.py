"""The plane of the Latent space panel: images coloured by class, and what the mouse does there."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import dearpygui.dearpygui as dpg
import numpy as np

from viewer.core.drawing import Point, View
from viewer.core.items import Part, Screen, text_width
from viewer.core.pane import Pane
from viewer.core.theme import FONT_SIZE, shares
from viewer.latents.dots import Legend, class_colour, draw_dots, draw_lines
from viewer.latents.geometry import Points
from viewer.latents.plane import ticks
from viewer.latents.state import LatentSpace

POINT = (255, 212, 40)
"""Colour of the point, visible on any ground."""

_EDGE = (22, 24, 30)
_RADIUS, _POINT_RIM, _END_RADIUS = 6.5, 2.0, 9
# Steps of a curved way.
_CURVE = 33


class Marks(Part[LatentSpace]):
    """Drawn over the plane: the point, the two ends, and the way between them.

    Args:
        parent: The drawing that they are a part of.
        inside: A place of the plane → where it is drawn, at the edge for what is beyond it.
    """

    def __init__(self, state: LatentSpace, screen: Screen, parent: str, inside: Callable[[Point], Point]):
        super().__init__(state, screen)
        self._inside = inside
        self._way_of: tuple = ()
        self._way: list[Point] = []
        self._line = dpg.draw_polyline([(0, 0), (0, 0)], parent=parent, show=False)
        self._ends = []
        for name in "AB":
            disc = dpg.draw_circle((0, 0), 1, parent=parent, show=False)
            self._ends.append((disc, dpg.draw_text((0, 0), name, parent=parent, show=False)))
        self._discs = [dpg.draw_circle((0, 0), 1, parent=parent, show=False) for _ in range(2)]

    def draw(self, enlarged: float) -> None:
        """Draws it again where needed.

        Args:
            enlarged: Factor of the marks' usual size.
        """
        there = self._state.place is not None and self._state.space is not None
        for item in (self._line, *self._discs, *(item for pair in self._ends for item in pair)):
            dpg.configure_item(item, show=False)
        if there:
            self._draw_ends()
            self._draw_point(enlarged)

    def _draw_ends(self) -> None:
        state, looks, place = self._state, self._looks, self._state.place
        ground, ink, size = looks.palette.ground, looks.text("text"), looks.px(FONT_SIZE)
        if place.ends is not None:
            points = [self._inside(at) for at in self._places_between()]
            dpg.configure_item(self._line, points=points, color=(*ink, 200), thickness=looks.px(2), show=True)
        for (disc, letter), vector, name in zip(self._ends, (place.first, place.last), "AB"):
            if vector is None:
                continue
            x, y = self._inside(state.plane.place(vector))
            dpg.configure_item(disc, center=(x, y), radius=looks.px(_END_RADIUS), thickness=looks.px(2), show=True)
            dpg.configure_item(disc, color=(*ground, 255), fill=(*ink, 255))
            corner = (x - text_width(name) / 2, y - size * 0.58)
            dpg.configure_item(letter, pos=corner, size=size, color=(*ground, 255), show=True)

    def _places_between(self) -> list[Point]:
        """The way from A to B in the plane."""
        state, place = self._state, self._state.place
        key = (place.first, place.last, *state.plane.axes, state.space)
        if len(key) != len(self._way_of) or any(one is not other for one, other in zip(key, self._way_of)):
            steps = state.path(_CURVE if state.space.constraint == "sphere" else 2)
            self._way_of, self._way = key, [state.plane.place(vector) for vector in steps]
        return self._way

    def _draw_point(self, enlarged: float) -> None:
        at = self._inside(self._state.plane.place(self._state.place.vector))
        for disc, radius, colour in zip(self._discs, (_RADIUS + _POINT_RIM, _RADIUS), (_EDGE, POINT)):
            # Whole half pixels, so that the size does not flicker.
            radius = np.round(radius * enlarged * 2) / 2
            dpg.configure_item(disc, center=at, radius=float(radius), show=True)
            dpg.configure_item(disc, color=(*colour, 255), fill=(*colour, 255))


# Margins for the numbers left of and below the plane.
_LEFT, _ABOVE, _BELOW = 44, 6, 22
_LEAST = 16
_GRIP, _STILL = 14, 4
_MOST_TICKS = 9
_USUAL_SIDE = 340
# Additional radius of a ringed point.
_RIM = 1.5


class PlaneView(Part[LatentSpace]):
    """The plane: images coloured by class, and what the mouse does there.

    Args:
        take_back: Undoes the last change.
    """

    def __init__(self, state: LatentSpace, screen: Screen, take_back: Callable[[], Any]):
        super().__init__(state, screen)
        self._take_back = take_back
        self._drag: tuple[str, View, Point] | None = None
        self._just_put = False
        self._labelled: tuple | None = None
        self._marked: tuple | None = None
        self.pane = Pane(self._screen.textures, "latent plane")
        over = self.pane.tag
        self._across = [dpg.draw_text((0, 0), "", parent=over) for _ in range(_MOST_TICKS)]
        self._up = [dpg.draw_text((0, 0), "", parent=over) for _ in range(_MOST_TICKS)]
        self.legend = Legend(state.plane, screen, over)
        self._marks = Marks(state, screen, over, self._inside)

    # Layout

    def resize(self, width: int, height: int) -> None:
        """Sets its size, in pixels, at least what its numbers need."""
        px = self._looks.px
        self.pane.resize(max(width, px(_LEFT) + _LEAST), max(height, px(_ABOVE) + _LEAST + px(_BELOW)))
        self._labelled = self._marked = None

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) of the plane itself in the pane."""
        px, pane = self._looks.px, self.pane
        # In a narrow pane the plane continues below the legend.
        right = max(px(_LEFT) + _LEAST, pane.width - self.legend.width)
        return px(_LEFT), px(_ABOVE), right, pane.height - px(_BELOW)

    @property
    def _size(self) -> tuple[int, int]:
        left, top, right, bottom = self.box
        return right - left, bottom - top

    @property
    def _enlarged(self) -> float:
        """Factor of the marks' usual size, smaller in a small plane."""
        width, height = self._size
        return max(0.7, min(self._looks.scale, float(np.sqrt(width * height)) / _USUAL_SIDE))

    def to_pane(self, across: np.ndarray | float, up: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of the pane of places of the plane."""
        plane, (left, top, _, _) = self._state.plane, self.box
        x, y = plane.frame.fitted(self._size).to_pane(self._size, plane.view, across, up)
        return x + left, y + top

    def _from_pane(self, point: Point) -> Point:
        plane, (left, top, _, _) = self._state.plane, self.box
        return plane.frame.fitted(self._size).from_pane(self._size, plane.view, (point[0] - left, point[1] - top))

    # Drawing

    def draw(self) -> None:
        state, looks, plane = self._state, self._looks, self._state.plane
        key = (plane.version, looks.theme, looks.scale, self.pane.width, self.pane.height, self.legend.width)
        self.pane.paint(key, None, self._fill)
        labels, marks = (*key, self.legend.first), (*key, state.version)
        if labels != self._labelled:
            self._labelled = labels
            self._label()
            self.legend.draw(self.box, self.pane.width)
        if marks != self._marked:
            self._marked = marks
            self._marks.draw(max(1.0, self._enlarged))

    def _fill(self, region: np.ndarray) -> None:
        plane, palette = self._state.plane, self._looks.palette
        left, top, right, bottom = self.box
        region[..., :3] = shares(palette.ground)
        region[..., 3] = 1
        region[top:bottom, left:right, :3] = shares(palette.panel)
        if plane.space is None:
            return
        columns = [round(float(self.to_pane(value, 0)[0])) for value in self._ticks(0)]
        rows = [round(float(self.to_pane(0, value)[1])) for value in self._ticks(1)]
        draw_lines(region, self.box, columns, rows, palette.field)
        points = plane.space.points
        count = len(points.labels)
        radius = (2.3 if count > 1500 else 2.8 if count > 500 else 3.6) * self._enlarged
        self._draw_points(region, points, radius, None)
        if plane.held_out is not None and plane.held_out_shown:
            self._draw_points(region, plane.held_out, radius + _RIM * self._enlarged, palette.text)

    def _draw_points(self, region: np.ndarray, points: Points, radius: float, edge) -> None:
        plane = self._state.plane
        classes = plane.classes
        palette = self._looks.palette
        alone = palette.quiet if classes else palette.accent
        colours = [class_colour(rank, len(classes)) for rank in range(len(classes))]
        table = np.array([shares(colour) for colour in (*colours, alone)], np.float32)
        ranks = np.where(np.isin(points.labels, classes), np.searchsorted(classes, points.labels), len(classes))
        # In random order, because images may be sorted by class, and the last class would cover all others.
        order = np.random.default_rng(0).permutation(len(points.labels))
        order = order[~np.isin(points.labels[order], list(plane.hidden))]
        x, y = self.to_pane(*plane.places(points))
        order = order[np.isfinite(x[order]) & np.isfinite(y[order])]
        draw_dots(region, self.box, x[order], y[order], table[ranks[order]], radius, edge)

    def _ticks(self, axis: int) -> list[float]:
        width, height = self._size
        px = self._looks.px
        left, top, right, bottom = self.box
        (low_x, high_y), (high_x, low_y) = self._from_pane((left, top)), self._from_pane((right, bottom))
        if axis == 0:
            return ticks(low_x, high_x, max(2, min(_MOST_TICKS - 1, width // px(70))))
        return ticks(low_y, high_y, max(2, min(_MOST_TICKS - 1, height // px(50))))

    def _label(self) -> None:
        """Writes the numbers at the two axes."""
        looks, (left, top, right, bottom) = self._looks, self.box
        size, colour = looks.px(FONT_SIZE), (*looks.text("quiet"), 255)
        there = self._state.space is not None
        for axis, texts in enumerate((self._across, self._up)):
            values = self._ticks(axis) if there else []
            for number, item in enumerate(texts):
                text = f"{values[number]:.6g}".replace("-", "−") if number < len(values) else ""
                wide = text_width(text)
                if not text:
                    x, y = 0.0, 0.0
                elif axis == 0:
                    x = float(self.to_pane(values[number], 0)[0]) - wide / 2
                    x, y = min(max(x, left), right - wide), bottom + looks.px(3)
                else:
                    y = float(self.to_pane(0, values[number])[1]) - size / 2
                    x, y = left - wide - looks.px(6), min(max(y, top), bottom - size)
                dpg.configure_item(item, pos=(x, y), text=text, size=size, color=colour)

    def _inside(self, place: Point) -> Point:
        """Pixel of a place; at the edge for places beyond it."""
        return self._clamped(self.to_pane(*place))

    # The mouse

    def wheel(self, steps: float) -> bool:
        """Zooms or scrolls the legend with the mouse wheel; False where the mouse is elsewhere."""
        mouse = self.pane.mouse()
        if mouse is None:
            return False
        if not self.legend.wheel(mouse, steps):
            (left, top, _, _), plane = self.box, self._state.plane
            at = (mouse[0] - left, mouse[1] - top)
            plane.set_view(plane.view.turned(steps, self._size, self._size, at))
        return True

    def press(self) -> bool:
        """Starts a drag of the point or the plane; False where the mouse is elsewhere."""
        mouse, state = self.pane.mouse(), self._state
        if mouse is None or state.space is None or state.place is None:
            return False
        if self.legend.press(mouse):
            return True
        left, top, right, bottom = self.box
        if not (left <= mouse[0] < right and top <= mouse[1] < bottom):
            return False
        x, y = self._inside(state.plane.place(state.place.vector))
        on_point = np.hypot(mouse[0] - x, mouse[1] - y) <= self._looks.px(_GRIP)
        # The point keeps its distance to the mouse.
        start = (mouse[0] - x, mouse[1] - y) if on_point else mouse
        self._drag = ("point" if on_point else "press", state.plane.view, start)
        return True

    def drag(self) -> None:
        """Follows the mouse during a drag, and ends it once the button is released."""
        if self._drag is None:
            return
        kind, view, start = self._drag
        mouse, plane = self.pane.mouse_anywhere(), self._state.plane
        held = dpg.is_mouse_button_down(dpg.mvMouseButton_Left)
        if kind == "point":
            place = self._from_pane(self._clamped((mouse[0] - start[0], mouse[1] - start[1])))
            now = plane.place(self._state.place.vector) if self._state.place is not None else place
            if math.dist(self._inside(now), self._inside(place)) >= 0.5:
                self._state.drag_to(*place)
        elif kind == "press" and np.hypot(mouse[0] - start[0], mouse[1] - start[1]) > self._looks.px(_STILL):
            self._drag = kind, view, start = ("pan", view, start)
        if kind == "pan":
            plane.set_view(view.panned(self._size, self._size, (mouse[0] - start[0], mouse[1] - start[1])))
        if not held:
            self._just_put = kind == "press"
            if self._just_put:
                self._state.put(*self._from_pane(start))
            self._drag = None

    def end_drag(self) -> None:
        self._drag, self._just_put = None, False

    def double_click(self) -> bool:
        """Shows all images after a double click, and undoes the move of the first click."""
        if self._drag is None:
            return False
        if self._just_put:
            self._take_back()
        self.end_drag()
        self._state.plane.show_all()
        return True

    def _clamped(self, point: Sequence[Any]) -> Point:
        left, top, right, bottom = self.box
        return min(max(float(point[0]), left), right), min(max(float(point[1]), top), bottom)
