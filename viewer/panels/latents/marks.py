"""What lies over the plane: the point that is dragged, the two ends, and the way between them."""

from collections.abc import Callable

import dearpygui.dearpygui as dpg
import numpy as np

from viewer.state.latents.space import LatentSpace
from viewer.window.items import text_width
from viewer.window.theme import FONT_SIZE, Looks

POINT = (255, 212, 40)
"""The point's colour, on any ground."""

_EDGE = (22, 24, 30)
_RADIUS, _RIM, _END_RADIUS = 6.5, 2.0, 9
# Steps of a way that is no straight line.
_CURVE = 33

Place = tuple[float, float]


class Marks:
    """See the module.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
        parent: The drawing that they are a part of.
        inside: A place of the plane → where it is drawn; at the edge, what lies beyond.
    """

    def __init__(self, state: LatentSpace, looks: Looks, parent: str, inside: Callable[[Place], Place]):
        self._state, self._looks, self._inside = state, looks, inside
        self._way_of: tuple = ()
        self._way: list[Place] = []
        self._line = dpg.draw_polyline([(0, 0), (0, 0)], parent=parent, show=False)
        self._ends = []
        for name in "AB":
            disc = dpg.draw_circle((0, 0), 1, parent=parent, show=False)
            self._ends.append((disc, dpg.draw_text((0, 0), name, parent=parent, show=False)))
        self._discs = [dpg.draw_circle((0, 0), 1, parent=parent, show=False) for _ in range(2)]

    def draw(self, enlarged: float) -> None:
        """Brings the screen up to date.

        Args:
            enlarged: How many times their usual size marks have.
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

    def _places_between(self) -> list[Place]:
        """Where the way from A to B runs in the plane."""
        state, place = self._state, self._state.place
        key = (place.first, place.last, *state.plane.axes, state.space)
        if len(key) != len(self._way_of) or any(one is not other for one, other in zip(key, self._way_of)):
            steps = state.path(_CURVE if state.space.constraint == "sphere" else 2)
            self._way_of, self._way = key, [state.plane.place(vector) for vector in steps]
        return self._way

    def _draw_point(self, enlarged: float) -> None:
        at = self._inside(self._state.plane.place(self._state.place.vector))
        for disc, radius, colour in zip(self._discs, (_RADIUS + _RIM, _RADIUS), (_EDGE, POINT)):
            # Half pixels, so that its size does not flicker.
            radius = np.round(radius * enlarged * 2) / 2
            dpg.configure_item(disc, center=at, radius=float(radius), show=True)
            dpg.configure_item(disc, color=(*colour, 255), fill=(*colour, 255))
