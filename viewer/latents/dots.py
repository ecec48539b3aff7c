"""Points of a plane drawn into a buffer of pixels, and the legend of their classes."""

import colorsys
from dataclasses import dataclass
from functools import lru_cache

import dearpygui.dearpygui as dpg
import numpy as np

from viewer.core.drawing import Point
from viewer.core.items import Part, Screen, beginning, text_width
from viewer.core.theme import FONT_SIZE, Colour, shares
from viewer.core.typeface import TYPEFACE
from viewer.latents.plane import LatentPlane

# Distinct on dark and on light ground.
_FEW = (
    (74, 142, 224),
    (242, 140, 40),
    (60, 176, 90),
    (224, 80, 78),
    (160, 110, 214),
    (160, 108, 90),
    (232, 126, 190),
    (134, 142, 156),
    (186, 182, 48),
    (36, 184, 204),
)
_GOLDEN = 0.618034
# Width of the ring around a disc, in pixels.
_RING = 1.2

Box = tuple[int, int, int, int]


def class_colour(rank: int, count: int) -> Colour:
    """The colour of a class by its rank among `count`."""
    if count <= len(_FEW):
        return _FEW[rank % len(_FEW)]
    # Neighbouring ranks are far apart in hue, and differ in brightness.
    rgb = colorsys.hsv_to_rgb(rank * _GOLDEN % 1.0, (0.75, 0.5)[rank % 2], (0.9, 0.75, 0.6)[rank % 3])
    return tuple(round(255 * part) for part in rgb)  # type: ignore[return-value]


def draw_dots(
    target: np.ndarray,
    box: Box,
    x: np.ndarray,
    y: np.ndarray,
    colours: np.ndarray,
    radius: float,
    edge: Colour | None = None,
) -> None:
    """Draws discs with soft edges, the last on top.

    Args:
        target: float32 [height, width, 4] in [0, 1], contiguous, written in place.
        box: (left, top, right, bottom) of the part to draw on, in pixels.
        x: float [n], centres from the left, in pixels.
        y: float [n], centres from the top.
        colours: float32 [n, 3] in [0, 1].
        radius: Radius, in pixels.
        edge: Colour of a ring around each; None for no ring.
    """
    left, top, right, bottom = box
    reach = int(np.ceil(radius)) + 1
    near = (x >= left - reach) & (x < right + reach) & (y >= top - reach) & (y < bottom + reach)
    columns, rows = np.floor(x[near]).astype(np.int64), np.floor(y[near]).astype(np.int64)
    colours = np.concatenate([colours[near], np.ones((len(rows), 1), np.float32)], axis=1, dtype=np.float32)
    across = (columns >= left + reach) & (columns < right - reach)
    whole = across & (rows >= top + reach) & (rows < bottom - reach)
    # Only discs across the edge, which are few, are clipped pixel by pixel.
    for chosen, clip in ((~whole, box), (whole, None)):
        if chosen.any():
            _draw(target, clip, columns[chosen], rows[chosen], colours[chosen], radius, edge)


def _draw(
    target: np.ndarray,
    box: Box | None,
    columns: np.ndarray,
    rows: np.ndarray,
    colours: np.ndarray,
    radius: float,
    edge: Colour | None,
) -> None:
    """Draws discs around pixels, clipped to a box where one is given."""
    pixels = target.reshape(-1, 4)
    # Soft rims first, so that the centres of discs cover the rims of their neighbours.
    for stamp in _stamps(float(radius), edge is not None):
        i, j = rows[:, np.newaxis] + stamp.down, columns[:, np.newaxis] + stamp.across
        places = (i * target.shape[1] + j).ravel()
        colour = np.repeat(colours, len(stamp.down), axis=0)
        cover = np.tile(stamp.cover, len(rows))[:, np.newaxis]
        if stamp.is_edge and edge is not None:
            colour[:, :3] = shares(edge)
        if box is not None:
            left, top, right, bottom = box
            seen = ((i >= top) & (i < bottom) & (j >= left) & (j < right)).ravel()
            places, colour, cover = places[seen], colour[seen], cover[seen]
        if stamp.whole:
            pixels[places] = colour
        else:
            under = pixels[places]
            under += cover * (colour - under)
            pixels[places] = under


@dataclass(frozen=True)
class _Stamp:
    """Pixels of a part of a disc: offsets from its centre, coverage, and whether it is the ring."""

    down: np.ndarray
    across: np.ndarray
    cover: np.ndarray
    is_edge: bool
    whole: bool


@lru_cache(maxsize=32)
def _stamps(radius: float, ringed: bool) -> tuple[_Stamp, ...]:
    """The parts of a disc, in drawing order."""
    reach = int(np.ceil(radius))
    down, across = (part.ravel() for part in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    distance = np.hypot(down, across)
    cover = np.minimum(1.0, radius + 0.5 - distance).astype(np.float32)
    edge = (distance > radius - _RING) if ringed else np.zeros(len(distance), bool)
    stamps = []
    for is_edge, whole in ((True, False), (True, True), (False, False), (False, True)):
        chosen = (cover > 0) & (edge == is_edge) & ((cover >= 1) == whole)
        if chosen.any():
            stamps.append(_Stamp(down[chosen], across[chosen], cover[chosen], is_edge, whole))
    return tuple(stamps)


def draw_lines(target: np.ndarray, box: Box, columns: list[int], rows: list[int], colour: Colour) -> None:
    """Draws vertical and horizontal lines of one pixel through a box, in place."""
    left, top, right, bottom = box
    for column in columns:
        if left <= column < right:
            target[top:bottom, column, :3] = shares(colour)
    for row in rows:
        if top <= row < bottom:
            target[row, left:right, :3] = shares(colour)


_MOST_ROWS = 40
_ROW, _MARK, _GAP, _WIDEST = 20, 10, 8, 120


class Legend(Part[LatentPlane]):
    """The names of classes at the right edge of the plane, each with its colour; a click hides a class.

    Args:
        parent: The drawing that it is a part of.

    Attributes:
        first: Number of the first class on screen.
    """

    def __init__(self, state: LatentPlane, screen: Screen, parent: str):
        super().__init__(state, screen)
        self.first = 0
        self._width_of: tuple | None = None
        self._width = 0
        self._page = 1
        self._left = self._top = 0
        self._rows = [
            (
                dpg.draw_rectangle((0, 0), (1, 1), parent=parent, show=False),
                dpg.draw_text((0, 0), "", parent=parent, show=False),
            )
            for _ in range(_MOST_ROWS)
        ]

    @property
    def width(self) -> int:
        """Its width, in pixels."""
        key = (self._state.space, self._looks.scale, text_width("0"))
        if self._width_of != key:
            self._width_of, self._width = key, self._measured()
        return self._width

    def _measured(self) -> int:
        plane, px = self._state, self._looks.px
        if not plane.classes:
            return px(_GAP)
        widest = max(text_width(plane.space.class_name(label)) for label in plane.classes)
        return px(2 * _GAP + _MARK) + min(px(_WIDEST), max(widest, text_width("▾ 99")))

    def draw(self, box: tuple[int, int, int, int], width: int) -> None:
        """Draws it again where needed.

        Args:
            box: (left, top, right, bottom) of the plane in its pane.
            width: Of the pane.
        """
        plane, looks = self._state, self._looks
        px, size = looks.px, looks.px(FONT_SIZE)
        classes = plane.classes
        self._left, self._top = box[2] + px(_GAP), box[1]
        self._page = max(1, min(_MOST_ROWS, (box[3] - box[1]) // px(_ROW)))
        self.first = max(0, min(self.first, len(classes) - self._page))
        shown = classes[self.first : self.first + self._page]
        more = len(classes) - self.first - len(shown)
        for row, (mark, text) in enumerate(self._rows):
            there = row < len(shown)
            last = more > 0 and row == len(shown) - 1
            dpg.configure_item(mark, show=there and not last)
            dpg.configure_item(text, show=there)
            if not there:
                continue
            label, y = shown[row], self._top + row * px(_ROW)
            colour = class_colour(self.first + row, len(classes))
            hidden = label in plane.hidden
            corner = (self._left, y + (px(_ROW) - px(_MARK)) // 2)
            dpg.configure_item(
                mark,
                pmin=corner,
                pmax=(corner[0] + px(_MARK), corner[1] + px(_MARK)),
                color=(*colour, 110 if hidden else 255),
                fill=(0, 0, 0, 0) if hidden else (*colour, 255),
                rounding=px(2),
            )
            at = self._left + px(_MARK + _GAP)
            # The mouse wheel shows further classes.
            name = f"▾ {more + 1}" if last else beginning(plane.space.class_name(label), width - at)
            kind = "quiet" if hidden else "text"
            dpg.configure_item(
                text,
                text=TYPEFACE.drawn(name),
                pos=(at, y + (px(_ROW) - size) / 2 - 1),
                size=size,
                color=(*looks.text(kind), 255),
            )

    def wheel(self, mouse: Point, steps: float) -> bool:
        """Scrolls the legend with the mouse wheel; False where the mouse is elsewhere."""
        if mouse[0] < self._left:
            return False
        self.first = max(0, min(self.first - round(steps) * 3, len(self._state.classes) - self._page))
        return True

    def press(self, mouse: Point) -> bool:
        """Hides or shows the class under the mouse; False where the mouse is elsewhere."""
        number = self.first + int((mouse[1] - self._top) // self._looks.px(_ROW))
        classes = self._state.classes
        shown = min(self._page - (len(classes) > self.first + self._page), len(classes) - self.first)
        if mouse[0] < self._left or not self.first <= number < self.first + shown:
            return False
        self._state.toggle_class(classes[number])
        return True
