"""The Latent space panel: where images lie, what a point decodes to, and what lies between two images."""

from collections.abc import Sequence

import dearpygui.dearpygui as dpg

from viewer.panels.latents.pictures import Pictures
from viewer.panels.latents.plane import PlaneView
from viewer.panels.latents.sliders import Sliders
from viewer.panels.latents.strip import Strip
from viewer.panels.subject import Subject
from viewer.state.app import AppState
from viewer.state.latents.geometry import NOTHING, Space
from viewer.window.items import first_fitting, set_text, text_width
from viewer.window.textures import Textures
from viewer.window.theme import Looks

_ROW, _LINE, _GAP = 36, 24, 14
_AXIS_WIDTH = 150
_SUBJECT_WIDTH = 408
# Of the width for the plane, and of the height beside it for the sliders.
_PLANE_SHARE, _SLIDERS_SHARE = 0.5, 0.44
# What is left for plane and pictures; with less, sliders and film strip take turns.
_LEAST_MIDDLE = 300


class LatentsPanel:
    """See the module.

    Args:
        state: The whole state.
        looks: Themes and sizes.
        textures: Where pixels come from.

    Attributes:
        actions: What keys do here, by the names that shortcuts give it.
    """

    def __init__(self, state: AppState, looks: Looks, textures: Textures):
        self._state, self._looks = state, looks
        self._size = (1, 1)
        self._arranged: tuple | None = None
        self._shown: tuple | None = None
        self._axes_of: tuple | None = None
        self._plane_width = self._below = 1
        own = state.latents
        self.actions = {
            "whole": own.plane.show_all,
            "first end": lambda: own.set_end("first"),
            "last end": lambda: own.set_end("last"),
            "to image": own.to_image,
            "to mean": own.to_mean,
        }
        with (
            dpg.group(tag="latents panel", show=False),
            dpg.child_window(tag="latents area", no_scrollbar=True, no_scroll_with_mouse=True),
        ):
            with dpg.group(horizontal=True, tag="latents subject"):
                self._subject = Subject(state, looks, "latents")
            with dpg.group(horizontal=True, tag="latents axes"):
                for number, word in enumerate(("Across", "Up")):
                    dpg.add_text(word, tag=f"latents axis {number} name")
                    dpg.add_combo(tag=f"latents axis {number}", user_data=number, callback=self._choose_axis)
            self._plane = PlaneView(own, looks, textures, state.undo.back)
            dpg.add_text("", tag="latents message", wrap=0)
            dpg.add_text("", tag="latents count")
            dpg.add_checkbox(
                label="",
                tag="latents held out",
                callback=lambda sender, shown: own.plane.show_held_out(shown),
            )
            self._pictures = Pictures(own, looks, textures)
            self._sliders = Sliders(own, looks)
            self._strip = Strip(own, looks, textures, self._arrange_anew)

    # Layout

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels."""
        dpg.configure_item("latents area", width=width, height=height)
        dpg.bind_item_theme("latents area", self._looks.bare())
        self._size = (width, height)
        self._subject.layout()
        self._arranged = self._shown = None

    def _arrange(self) -> None:
        """Computes where everything lies. How wide words are is known only after the first frame."""
        own, px = self._state.latents, self._looks.px
        space = own.space
        key = (text_width("To the image"), space and (space.run, space.size), own.slider_kind, self._plane.legend.width)
        if key == self._arranged:
            return
        self._arranged, self._shown = key, None
        width, height = self._size
        top = self._arrange_top(width)
        self._strip.set_compact(False)
        self._strip.set_compact(height - top - self._strip.height(width, height) < px(_LEAST_MIDDLE))
        lower = self._strip.height(width, height)
        middle = height - top - lower - px(_GAP)
        self._plane_width = int(width * _PLANE_SHARE)
        self._below = top + middle - px(_LINE)
        dpg.configure_item(self._plane.pane.place, pos=(0, top))
        self._plane.resize(self._plane_width, middle - px(_LINE))
        dpg.configure_item("latents count", pos=(0, self._below))
        dpg.configure_item("latents message", pos=(px(60), top + px(16)), wrap=self._plane_width - px(90))
        left = self._plane_width + px(_GAP)
        sliders = 0
        if self._strip.with_sliders:
            sliders = self._sliders.height(width - left, int(middle * _SLIDERS_SHARE))
        self._pictures.layout(left, top, width - left, middle - sliders - (px(8) if sliders else 0))
        self._sliders.layout(left, top + middle - sliders, width - left, sliders)
        self._strip.layout(height - lower, width, height)

    def _arrange_top(self, width: int) -> int:
        """Places the run and the axes in one row, or in two where they need it; returns where that ends."""
        px = self._looks.px
        words = text_width("Across") + text_width("Up") + 3 * px(8)
        axis_width = min(px(_AXIS_WIDTH), (width - words) // 2)
        axes_width = words + 2 * axis_width
        one_row = px(_SUBJECT_WIDTH + _GAP) + axes_width <= width
        dpg.configure_item("latents subject", pos=(0, 0))
        dpg.configure_item("latents axes", pos=(width - axes_width, 0) if one_row else (0, px(_ROW - 4)))
        for number in range(2):
            dpg.configure_item(f"latents axis {number}", width=axis_width)
        return px(_ROW) if one_row else px(2 * _ROW - 4)

    def _arrange_anew(self) -> None:
        self._arranged = None

    # Drawing

    def draw(self) -> None:
        """Brings the screen up to date."""
        own = self._state.latents
        self._plane.drag()
        self._arrange()
        self._subject.draw()
        self._plane.draw()
        shown = (own.version, self._looks.theme, self._looks.scale, self._size)
        if shown == self._shown:
            return
        self._shown = shown
        self._draw_axes()
        self._draw_words()
        self._pictures.draw()
        self._sliders.draw()
        self._strip.draw()

    def _draw_axes(self) -> None:
        plane = self._state.latents.plane
        dpg.configure_item("latents axes", show=plane.space is not None)
        if plane.space is None or self._axes_of == (plane.space, plane.axes):
            return
        self._axes_of = (plane.space, plane.axes)
        titles = [plane.space.title(axis) for axis in plane.space.axes()]
        for number, axis in enumerate(plane.axes):
            nothing = [plane.space.title(NOTHING)] if axis == NOTHING else []
            dpg.configure_item(f"latents axis {number}", items=titles + nothing)
            dpg.set_value(f"latents axis {number}", plane.space.title(axis))

    def _draw_words(self) -> None:
        own, looks = self._state.latents, self._looks
        message = own.message or ("reading where images lie …" if own.reading else "")
        if self._state.looked_at() is None:
            message = ""  # the subject says so
        set_text("latents message", message, looks.text("failure" if own.message else "quiet"))
        dpg.configure_item("latents message", show=bool(message))
        there = own.plane.held_out is not None
        dpg.configure_item("latents held out", show=there)
        dpg.set_value("latents held out", own.plane.held_out_shown)
        room, px = self._plane_width, self._looks.px
        if there:
            count, split = len(own.plane.held_out.labels), own.held_out_split
            ways = (f"{count:,} {split} images, ringed", f"{count:,} {split}, ringed", f"{split}, ringed", "ringed")
            rings = first_fitting(ways, room - px(34))
            room -= text_width(rings) + px(34)
            dpg.configure_item("latents held out", label=rings, pos=(room, self._below))
        set_text("latents count", first_fitting(_count(own.space), room - px(8)), looks.text("quiet"))

    def _choose_axis(self, sender, title: str, number: int) -> None:
        space = self._state.latents.space
        axes = space.axes() if space is not None else []
        for axis in axes:
            if space.title(axis) == title:
                self._state.latents.plane.set_axis(number, axis)

    # The mouse

    def wheel(self, steps: float) -> bool:
        """The mouse wheel was turned; whether it was meant for this panel."""
        return self._plane.wheel(steps) or self._sliders.wheel(steps)

    def press(self) -> bool:
        """The mouse was pressed; whether on something of this panel."""
        return self._plane.press() or self._strip.press()

    def let_go(self) -> None:
        """The panel is left: what the mouse held in it, it holds no more."""
        self._plane.let_go()

    def double_click(self) -> None:
        """The mouse was pressed twice."""
        self._plane.double_click()


def _count(space: Space | None) -> Sequence[str]:
    """How many images are drawn, from long to short: `3,000 of 60,000 training images`."""
    if space is None:
        return ()
    kind = {"train": "training"}.get(space.split, space.split)
    shown = len(space.points.labels)
    of_all = f"{shown:,} of {space.total:,}" if shown < space.total else f"{shown:,}"
    return f"{of_all} {kind} images", f"{of_all} {kind}", of_all
