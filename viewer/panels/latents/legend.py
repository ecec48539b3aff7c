"""The names of classes beside the plane, each with its colour; a click hides a class."""

import dearpygui.dearpygui as dpg

from viewer.panels.latents.dots import class_colour
from viewer.state.latents.plane import LatentPlane
from viewer.window.items import beginning, text_width
from viewer.window.theme import FONT_SIZE, Looks
from viewer.window.typeface import TYPEFACE

_MOST_ROWS = 40
_ROW, _MARK, _GAP, _WIDEST = 20, 10, 8, 120

Point = tuple[float, float]


class Legend:
    """See the module. Drawn over the pane of the plane, at its right edge.

    Args:
        plane: What is drawn.
        looks: Themes and sizes.
        parent: The drawing that it is a part of.

    Attributes:
        first: Number of the first class on screen.
    """

    def __init__(self, plane: LatentPlane, looks: Looks, parent: str):
        self._plane, self._looks = plane, looks
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
        """How much room it takes at the right of the plane, in pixels."""
        key = (self._plane.space, self._looks.scale, text_width("0"))
        if self._width_of != key:
            self._width_of, self._width = key, self._measured()
        return self._width

    def _measured(self) -> int:
        plane, px = self._plane, self._looks.px
        if not plane.classes:
            return px(_GAP)
        widest = max(text_width(plane.space.class_name(label)) for label in plane.classes)
        return px(2 * _GAP + _MARK) + min(px(_WIDEST), max(widest, text_width("▾ 99")))

    def draw(self, box: tuple[int, int, int, int], width: int) -> None:
        """Brings the screen up to date.

        Args:
            box: (left, top, right, bottom) of the plane in its pane.
            width: Of the pane.
        """
        plane, looks = self._plane, self._looks
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
            # Where there are more, the wheel shows them.
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
        """The wheel was turned at a point of the pane; whether over the legend."""
        if mouse[0] < self._left:
            return False
        self.first = max(0, min(self.first - round(steps) * 3, len(self._plane.classes) - self._page))
        return True

    def press(self, mouse: Point) -> bool:
        """The mouse was pressed at a point of the pane; whether on a class."""
        number = self.first + int((mouse[1] - self._top) // self._looks.px(_ROW))
        classes = self._plane.classes
        shown = min(self._page - (len(classes) > self.first + self._page), len(classes) - self.first)
        if mouse[0] < self._left or not self.first <= number < self.first + shown:
            return False
        self._plane.toggle_class(classes[number])
        return True
