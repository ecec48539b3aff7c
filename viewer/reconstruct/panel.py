"""The Reconstruct panel: original, reconstructions and error maps side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dearpygui.dearpygui as dpg

from viewer.core.cache import PictureCache
from viewer.core.drawing import Picture, Point, View, pixel_at, scale_bar
from viewer.core.frame import CHOOSE_RUNS
from viewer.core.items import Choice, Panel, Part, Screen, add_combo, fitting, set_text, text_width, type_width
from viewer.core.pane import Pane, Zoom
from viewer.core.state import AppState
from viewer.reconstruct.column import ColumnView, Places, places, put
from viewer.reconstruct.state import ERROR_MAPS, MOST_VARIANTS, SCALES, TITLES, Reconstruction

_GRIP = 9
# Smallest pixels, in pixels of the screen, that are framed.
_LEAST_FRAMED = 3


@dataclass(frozen=True)
class Shown:
    """A pane and its picture.

    Args:
        pane: The pane.
        picture: Its picture; None without one.
        divided: Whether it has the divider.
    """

    pane: Pane
    picture: Picture | None
    divided: bool = False

    @property
    def sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(width, height) of the pane and of the picture."""
        return (self.pane.width, self.pane.height), (self.picture.width, self.picture.height)


class ComparisonMouse(Part[Reconstruction]):
    """The mouse over the panes: zoom, pan, the divider, and the pixel it points at.

    Args:
        panes: Returns all panes on screen.
    """

    def __init__(self, state: Reconstruction, screen: Screen, panes: Callable[[], Sequence[Shown]]):
        super().__init__(state, screen)
        self._panes = panes
        # What is dragged: a pane's picture, or its divider.
        self._held: Zoom | None = None
        self._divides: Pane | None = None

    def wheel(self, steps: float) -> bool:
        """Zooms with the mouse wheel; False where the mouse is elsewhere."""
        return any(self._zoom(shown.pane).wheel(steps) for shown in self._panes())

    def press(self) -> bool:
        """Starts a drag; False where the mouse is elsewhere."""
        found = self._under_mouse()
        if found is None:
            return False
        shown, mouse = found
        at = self._divider(shown)
        if at is not None and abs(mouse[0] - at) <= self._looks.px(_GRIP):
            self._divides = shown.pane
        else:
            self._held = self._zoom(shown.pane)
            self._held.press()
        return True

    def end_drag(self) -> None:
        self._held = self._divides = None

    def double_click(self) -> None:
        """Shows the whole image after a double click on a pane."""
        if self._under_mouse() is not None:
            self.end_drag()  # the second press began a drag
            self._state.set_view(View())

    def drag(self) -> None:
        """Follows the mouse during a drag, and ends it once the button is released."""
        if self._held is not None:
            self._held.drag()
            if not self._held.dragging:
                self._held = None
        if self._divides is not None:
            shown = self._shown_in(self._divides)
            if shown is not None:
                self._state.set_split(self._state.view.to_share(*shown.sizes, shown.pane.mouse_anywhere())[0])
            # Only now: a slow frame may report the last move together with the button's release.
            if not dpg.is_mouse_button_down(dpg.mvMouseButton_Left):
                self._divides = None

    def _shown_in(self, pane: Pane) -> Shown | None:
        """The pane and its picture; None without one."""
        return next((shown for shown in self._panes() if shown.pane is pane and shown.picture is not None), None)

    def _zoom(self, pane: Pane) -> Zoom:
        """Zoom of one of the panes, which share one view."""

        def size() -> tuple[float, float] | None:
            shown = self._shown_in(pane)
            return None if shown is None else shown.sizes[1]

        return Zoom(pane, size, lambda: self._state.view, self._state.set_view)

    def draw(self) -> None:
        """Draws the divider, and frames the pixel under the mouse in all panes."""
        state = self._state
        found = self._under_mouse() if self._held is None and self._divides is None else None
        state.cursor = None
        if found is not None:
            shown, mouse = found
            share = state.view.to_share(*shown.sizes, mouse)
            state.cursor = share if pixel_at(share, shown.sizes[1]) is not None else None
        for shown in self._panes():
            shown.pane.mark(self._frame(shown))
            if shown.divided:
                at = self._divider(shown)
                shown.pane.show_divider(None if at is None else min(shown.pane.width, max(0.0, at)))

    def _under_mouse(self) -> tuple[Shown, Point] | None:
        for shown in self._panes():
            if shown.picture is not None and (mouse := shown.pane.mouse()) is not None:
                return shown, mouse
        return None

    def _divider(self, shown: Shown) -> float | None:
        """Place of the divider in a pane, in pixels from the left."""
        if not shown.divided or shown.picture is None or self._state.split is None:
            return None
        return self._state.view.to_pane(*shown.sizes, (self._state.split, 0))[0]

    def _frame(self, shown: Shown) -> tuple[float, float, float, float] | None:
        """(left, top, right, bottom) of the pixel under the mouse, where pixels are large enough."""
        view, cursor = self._state.view, self._state.cursor
        if shown.picture is None or cursor is None:
            return None
        size, image = shown.sizes
        at = pixel_at(cursor, image)
        if at is None or view.placement(size, image)[0] < _LEAST_FRAMED:
            return None
        left, top = view.to_pane(size, image, (at[0] / image[0], at[1] / image[1]))
        right, bottom = view.to_pane(size, image, ((at[0] + 1) / image[0], (at[1] + 1) / image[1]))
        if right < 0 or bottom < 0 or left > size[0] or top > size[1]:
            return None
        return max(0.0, left), max(0.0, top), min(size[0], right), min(size[1], bottom)


_BAR_HEIGHT = 12


class Comparison(Part[AppState]):
    """The panes: the original, and for each run its reconstruction and where it errs; all at computed places."""

    def _build(self) -> None:
        state, self._own = self._state, self._state.reconstruct
        self._pictures = PictureCache()
        self._size = (1, 1)
        with dpg.child_window(tag="comparison", no_scrollbar=True, no_scroll_with_mouse=True):
            dpg.add_text(CHOOSE_RUNS, tag="comparison hint", wrap=0)
            dpg.add_text("Original", tag="original title")
            dpg.add_text("", tag="original name")
            self._original = Pane(self._screen.textures, "original")
            dpg.add_text("", tag="error title")
            dpg.add_text("", tag="error low")
            dpg.add_text("", tag="error high")
            self._bar = Pane(self._screen.textures, "error scale")
            self._columns = [ColumnView(state, self._screen, index, self._pictures) for index in range(MOST_VARIANTS)]
            dpg.add_text("", tag="cursor values")
        self.mouse = ComparisonMouse(self._own, self._screen, self._panes)

    def layout(self, width: int, height: int) -> None:
        dpg.configure_item("comparison", width=width, height=height)
        dpg.bind_item_theme("comparison", self._looks.bare())
        self._size = (width, height)
        self._shown = None

    def draw(self) -> None:
        own, looks = self._own, self._looks
        self.mouse.drag()
        waiting = tuple(self._state.worker.waiting(own.topic(index)) is not None for index in range(len(own.variants)))
        if self._changed(own.version, looks.theme, type_width(), self._size, waiting):
            there = bool(own.variants)
            dpg.configure_item("comparison hint", show=not there)
            dpg.configure_item("comparison hint", color=(*looks.text("quiet"), 255))
            if there:
                self._draw_all(waiting)
            else:
                self._hide_all()
        self.mouse.draw()
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
        key = (own.error_map, *size)
        bar = self._pictures.get("bar", lambda: Picture(scale_bar(*key)), version=key)
        self._bar.show(bar, View(), looks.palette.picture_ground)
        title = TITLES[own.error_map]
        set_text("error title", fitting([title, title.partition(":")[0]], where.width), looks.text("text"))
        set_text("error low", low, looks.text("quiet"))
        set_text("error high", high, looks.text("quiet"))

    def _panes(self) -> list[Shown]:
        found = [Shown(self._original, self._pictures.last("original"))]
        for column in self._columns[: len(self._own.variants)]:
            found += [Shown(column.image, column.picture(), divided=True), Shown(column.error, column.picture())]
        return found


_MAP_TITLES = {"absolute": "Absolute", "signed": "Signed", "ssim": "SSIM map"}
_ROW = 38
_SCALE_TITLES = {scale: f"scale: {scale:g}" if scale else "scale: largest error" for scale in SCALES}


class ReconstructPanel(Panel):
    """The Reconstruct panel: an image through one or several runs.

    Args:
        export: Called to save the comparison as a figure.
    """

    def __init__(self, state: AppState, screen: Screen, export: Callable[[], None]):
        super().__init__(state, screen)
        self._size = (1, 1)
        self._wrapped = False
        own = state.reconstruct
        self.actions = {
            "whole": lambda: own.set_view(View()),
            "divide": self.toggle_divider,
            "error": self.next_error_map,
        }
        with dpg.group(tag="reconstruct panel", show=False):
            with dpg.group(horizontal=True, tag="reconstruct tools"):
                with dpg.group(horizontal=True, tag="error tools"):
                    self._maps = Choice("map", [(name, _MAP_TITLES[name]) for name in ERROR_MAPS], own.set_error_map)
                    add_combo("error range", _SCALE_TITLES, own.set_scale)
                with dpg.group(horizontal=True, tag="view tools"):
                    dpg.add_checkbox(label="Divider", tag="divider", callback=lambda: self.toggle_divider())
                    dpg.add_button(label="Whole image", tag="whole image", callback=lambda: own.set_view(View()))
                    dpg.add_button(label="Save figure", tag="save figure", callback=lambda: export())
            self._comparison = Comparison(state, self._screen)

    def layout(self, width: int, height: int) -> None:
        dpg.configure_item("error range", width=self._looks.px(178))
        self._size = (width, height)
        self._arrange()

    def _arrange(self) -> None:
        """Places the tools in one row, or in two where they are wider than the panel."""
        width, height = self._size
        dpg.configure_item("reconstruct tools", horizontal=not self._wrapped)
        self._comparison.layout(width, height - self._looks.px(_ROW) * (2 if self._wrapped else 1))
        self._shown = None

    def _wrap(self) -> None:
        """Chooses one or two rows; the tools' width is known only after they were drawn."""
        needed = sum(dpg.get_item_rect_size(tag)[0] for tag in ("error tools", "view tools")) + self._looks.px(8)
        if self._wrapped != (needed > self._size[0]):
            self._wrapped = not self._wrapped
            self._arrange()

    def draw(self) -> None:
        own = self._state.reconstruct
        self._wrap()
        self._comparison.draw()
        if not self._changed(own.version, self._state.version):
            return
        self._maps.show(own.error_map, self._looks)
        dpg.set_value("error range", _SCALE_TITLES[own.scale])
        dpg.configure_item("error range", show=own.error_map != "ssim")
        dpg.set_value("divider", own.split is not None)

    def wheel(self, steps: float) -> bool:
        return self._comparison.mouse.wheel(steps)

    def press(self) -> bool:
        return self._comparison.mouse.press()

    def on_leave(self) -> None:
        self._comparison.mouse.end_drag()

    def double_click(self) -> None:
        self._comparison.mouse.double_click()

    def toggle_divider(self) -> None:
        """Shows the divider in the middle, or removes it."""
        own = self._state.reconstruct
        own.set_split(0.5 if own.split is None else None)

    def next_error_map(self) -> None:
        """Shows the next kind of error map."""
        own = self._state.reconstruct
        own.set_error_map(ERROR_MAPS[(ERROR_MAPS.index(own.error_map) + 1) % len(ERROR_MAPS)])
