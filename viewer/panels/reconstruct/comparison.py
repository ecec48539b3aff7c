"""The panes of the Reconstruct panel: the original, and for each run its reconstruction and where it errs."""

import dearpygui.dearpygui as dpg

from viewer.colours import scale_bar
from viewer.panels.reconstruct.column import ColumnView, put
from viewer.panels.reconstruct.mouse import ComparisonMouse, Shown
from viewer.panels.reconstruct.places import Places, places
from viewer.panels.subject import CHOOSE_RUNS
from viewer.picture_cache import PictureCache
from viewer.state.app import AppState
from viewer.state.error_maps import TITLES
from viewer.state.reconstruction import MOST_VARIANTS
from viewer.state.view import View
from viewer.window.items import fitting, set_text, text_width, type_width
from viewer.window.pane import Pane
from viewer.window.textures import Textures
from viewer.window.theme import Looks

_BAR_HEIGHT = 12


class Comparison:
    """See the module. Everything lies at computed places of one area.

    Args:
        state: The whole state.
        looks: Themes and sizes.
        textures: Where pixels come from.
    """

    def __init__(self, state: AppState, looks: Looks, textures: Textures):
        self._state, self._own, self._looks = state, state.reconstruct, looks
        self._pictures = PictureCache()
        self._size = (1, 1)
        self._shown: tuple | None = None
        with dpg.child_window(tag="comparison", no_scrollbar=True, no_scroll_with_mouse=True):
            dpg.add_text(CHOOSE_RUNS, tag="comparison hint", wrap=0)
            dpg.add_text("Original", tag="original title")
            dpg.add_text("", tag="original name")
            self._original = Pane(textures, "original")
            dpg.add_text("", tag="error title")
            dpg.add_text("", tag="error low")
            dpg.add_text("", tag="error high")
            self._bar = Pane(textures, "error scale")
            self._columns = [
                ColumnView(state, index, looks, textures, self._pictures) for index in range(MOST_VARIANTS)
            ]
            dpg.add_text("", tag="cursor values")
        self._mouse = ComparisonMouse(self._own, looks, self._panes)
        self.wheel, self.press, self.double_click = self._mouse.wheel, self._mouse.press, self._mouse.double_click
        self.let_go = self._mouse.let_go

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels."""
        dpg.configure_item("comparison", width=width, height=height)
        dpg.bind_item_theme("comparison", self._looks.bare())
        self._size = (width, height)
        self._shown = None

    def draw(self) -> None:
        """Brings the screen up to date."""
        own, looks = self._own, self._looks
        self._mouse.drag()
        waiting = tuple(self._state.worker.waiting(own.topic(index)) is not None for index in range(len(own.variants)))
        shown = (own.version, looks.theme, type_width(), self._size, waiting)
        if shown != self._shown:
            self._shown = shown
            there = bool(own.variants)
            dpg.configure_item("comparison hint", show=not there)
            dpg.configure_item("comparison hint", color=(*looks.text("quiet"), 255))
            if there:
                self._draw_all(waiting)
            else:
                self._hide_all()
        self._mouse.draw()
        text = fitting(own.cursor_words(), self._size[0])
        if dpg.get_value("cursor values") != text:
            set_text("cursor values", text, looks.text("quiet"))

    def _draw_all(self, waiting: tuple[bool, ...]) -> None:
        where = places(self._size, len(waiting), self._looks)
        limits = self._own.error_range()
        self._draw_original(where)
        self._draw_scale(where, limits)
        for index, column in enumerate(self._columns):
            if index < len(waiting):
                column.arrange(where)
                column.draw(waiting[index], limits)
            else:
                column.hide()
        put("cursor values", (0, where.foot))

    def _hide_all(self) -> None:
        for column in self._columns:
            column.hide()
        texts = ("original title", "original name", "error title", "error low", "error high", "cursor values")
        for tag in (*texts, self._original.place, self._bar.place):
            dpg.configure_item(tag, show=False)

    def _draw_original(self, where: Places) -> None:
        own, looks = self._own, self._looks
        array = own.original()
        put(self._original.place, (where.lefts[0], where.head))
        put("original title", (0, 0))
        put("original name", (0, where.head - looks.px(30)))
        self._original.resize(where.width, where.height)
        self._original.show(self._pictures.of_array("original", array), own.view, looks.palette.picture_ground)
        set_text("original title", "Original", looks.text("text"))
        size = "" if array is None else f" · {array.shape[1]} × {array.shape[0]}"
        name = self._state.image_name or "choose an image on the left"
        set_text("original name", fitting([name + size, name], where.width), looks.text("quiet"))

    def _draw_scale(self, where: Places, limits: tuple[float, float]) -> None:
        own, looks = self._own, self._looks
        size = where.width, looks.px(_BAR_HEIGHT)
        low, high = (f"{value:.3g}" for value in limits)
        left, top = where.bar
        below = top + size[1] + looks.px(2)
        put(self._bar.place, (left, top))
        put("error title", where.error_title)
        put("error low", (left, below))
        put("error high", (left + where.width - text_width(high), below))
        self._bar.resize(*size)
        bar = self._pictures.made("bar", None, (own.error_map, size), lambda: scale_bar(own.error_map, *size))
        self._bar.show(bar, View(), looks.palette.picture_ground)
        title = TITLES[own.error_map]
        set_text("error title", fitting([title, title.partition(":")[0]], where.width), looks.text("text"))
        set_text("error low", low, looks.text("quiet"))
        set_text("error high", high, looks.text("quiet"))

    def _panes(self) -> list[Shown]:
        found = [Shown(self._original, self._pictures.there("original"))]
        for column in self._columns[: len(self._own.variants)]:
            found += [Shown(column.image, column.picture(), divided=True), Shown(column.error, column.picture())]
        return found
