"""The Latent space panel: the plane of images, the decoded point, and images between two others."""

from collections.abc import Sequence

import dearpygui.dearpygui as dpg

from viewer.core.frame import Subject
from viewer.core.items import Choice, Panel, Part, first_fitting, inside, set_text, text_width
from viewer.latents.geometry import NOTHING, Axis, Space
from viewer.latents.pictures import Pictures, Strip, number_text, signed
from viewer.latents.plane_view import PlaneView
from viewer.latents.state import LatentSpace

MOST = 12
"""Sliders on screen."""

_HEAD, _SLIDER_ROW, _SLIDER_GAP, _COLUMN_GAP = 34, 28, 8, 20
_NARROWEST, _SHORTEST = 170, 36
_LONGEST_VALUE = "−0.00 σ"
_HEADING = ("latent sliders", "latent sliders back", "latent sliders on", "latent sliders range")


class Sliders(Part[LatentSpace]):
    """Sliders that move the point: along principal components, or along dimensions."""

    def _build(self) -> None:
        state = self._state
        self._count = MOST
        self._open = True
        self._words_room = 0
        self._places: tuple = ()
        self._named: tuple | None = None
        choices = [("component", "Components"), ("dimension", "Dimensions")]
        self._kinds = Choice("latent sliders", choices, state.set_slider_kind)
        dpg.add_button(label="‹", tag="latent sliders back", callback=lambda: self.page(-1))
        dpg.add_button(label="›", tag="latent sliders on", callback=lambda: self.page(1))
        dpg.add_text("", tag="latent sliders range")
        for index in range(MOST):
            tag = f"latent slider {index}"
            dpg.add_text("", tag=f"{tag} name")
            # Its value is beside it: inside, the grip would cover it.
            dpg.add_slider_float(tag=tag, user_data=index, callback=self._moved, no_input=True, format="")
            dpg.add_text("", tag=f"{tag} value")

    # Layout

    @property
    def _several(self) -> bool:
        """Whether there is a choice between components and dimensions."""
        return self._state.space is not None and self._state.space.size > 2

    def _columns(self, width: int) -> int:
        return 2 if width >= self._looks.px(2 * _NARROWEST + _COLUMN_GAP) else 1

    def height(self, width: int, most: int) -> int:
        """Its height for a width, at most `most`, in pixels."""
        px = self._looks.px
        head = px(_HEAD) if self._several else 0
        rows = -(-min(MOST, len(self._state.sliders())) // self._columns(width))
        return head + max(1, min(rows, (most - head) // px(_SLIDER_ROW))) * px(_SLIDER_ROW)

    def layout(self, x: int, y: int, width: int, height: int) -> None:
        """Places the sliders, in pixels; height 0 hides them."""
        self._open = height > 0
        self._places = (x, y, width, height)
        px = self._looks.px
        head = px(_HEAD) if self._several else 0
        left = x
        turn = text_width("‹") + text_width("›") + 2 * px(18) + 2 * px(_SLIDER_GAP)
        for titles in (("Components", "Dimensions"), ("PC", "dim")):
            kinds = sum(text_width(title) + px(18) for title in titles) + px(2)
            if kinds + turn <= width:
                break
        for kind, title in zip(("component", "dimension"), titles):
            dpg.configure_item(f"latent sliders {kind}", label=title)
        for tag, wide in zip(_HEADING, (kinds, text_width("‹") + px(18), text_width("›") + px(18), 0)):
            dpg.configure_item(tag, pos=(left, y))
            left += wide + px(_SLIDER_GAP)
        self._words_room = x + width - (left - px(_SLIDER_GAP))
        columns = self._columns(width)
        rows = max(1, (height - head) // px(_SLIDER_ROW))
        self._count = min(MOST, rows * columns)
        wide = (width - (columns - 1) * px(_COLUMN_GAP)) // columns
        names = max((text_width(_name(axis)) for axis in self._state.sliders()[-1:]), default=0) + px(_SLIDER_GAP)
        values = text_width(_LONGEST_VALUE) + px(_SLIDER_GAP)
        for index in range(MOST):
            tag = f"latent slider {index}"
            start, down = x + index // rows * (wide + px(_COLUMN_GAP)), y + head + index % rows * px(_SLIDER_ROW)
            dpg.configure_item(f"{tag} name", pos=(start, down))
            dpg.configure_item(tag, pos=(start + names, down), width=max(px(_SHORTEST), wide - names - values))
            dpg.configure_item(f"{tag} value", pos=(start + wide - values + px(_SLIDER_GAP), down))

    # Drawing

    def _axes(self) -> list[Axis]:
        first = self._state.first_slider
        return self._state.sliders()[first : first + self._count]

    def draw(self) -> None:
        state, looks = self._state, self._looks
        space, place, axes = state.space, state.place, self._axes()
        there = self._open and space is not None and place is not None
        named = (space, there, tuple(axes), state.slider_kind, looks.theme, self._places)
        if named != self._named:
            self._named = named
            self._name_all(axes if there else [])
        if there:
            for index, axis in enumerate(axes):
                amount = space.amount(place.vector, axis)
                dpg.set_value(f"latent slider {index}", amount)
                value = f"{signed(amount)} σ" if axis[0] == "component" else number_text(amount)
                dpg.set_value(f"latent slider {index} value", value)

    def _name_all(self, axes: list[Axis]) -> None:
        """Shows a slider for each axis, with its name."""
        state, looks = self._state, self._looks
        for tag in _HEADING:
            dpg.configure_item(tag, show=self._several and self._open)
        self._kinds.show(state.slider_kind, looks)
        many = len(state.sliders())
        dpg.configure_item("latent sliders back", enabled=state.first_slider > 0)
        dpg.configure_item("latent sliders on", enabled=state.first_slider + self._count < many)
        words = f"{state.first_slider + 1}–{state.first_slider + len(axes)} of {many}"
        set_text("latent sliders range", words if text_width(words) <= self._words_room else "", looks.text("quiet"))
        for index in range(MOST):
            tag = f"latent slider {index}"
            for part in (tag, f"{tag} name", f"{tag} value"):
                dpg.configure_item(part, show=index < len(axes))
            if index < len(axes):
                low, high = state.space.reach(axes[index])
                dpg.configure_item(tag, min_value=low, max_value=high)
                set_text(f"{tag} name", _name(axes[index]), looks.text("quiet"))

    # The mouse

    def wheel(self, steps: float) -> bool:
        """Scrolls with the mouse wheel; False where the mouse is elsewhere."""
        over = self._open and any(inside(f"latent slider {index}") for index in range(len(self._axes())))
        if over:
            self.page(-1 if steps > 0 else 1)
        return over

    def page(self, by: int) -> None:
        """Shows the next or the previous sliders."""
        self._state.page(by * self._count, self._count)

    def _moved(self, sender, amount: float, index: int) -> None:
        axes = self._axes()
        if index < len(axes):
            self._state.set_amount(axes[index], amount)


def _name(axis: Axis) -> str:
    kind, number = axis
    return f"PC {number + 1}" if kind == "component" else f"dim {number}"


_ROW, _LINE, _GAP = 36, 24, 14
_AXIS_WIDTH = 150
_SUBJECT_WIDTH = 408
# Share of the width for the plane, and of the height beside it for the sliders.
_PLANE_SHARE, _SLIDERS_SHARE = 0.5, 0.44
# Smallest height for plane and pictures; with less, sliders and film strip take turns.
_LEAST_MIDDLE = 300


class LatentsPanel(Panel):
    """The Latent space panel."""

    def _build(self) -> None:
        state = self._state
        self._size = (1, 1)
        self._arranged: tuple | None = None
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
                self._subject = Subject(state, self._screen, "latents")
            with dpg.group(horizontal=True, tag="latents axes"):
                for number, word in enumerate(("Across", "Up")):
                    dpg.add_text(word, tag=f"latents axis {number} name")
                    dpg.add_combo(tag=f"latents axis {number}", user_data=number, callback=self._choose_axis)
            self._plane = PlaneView(own, self._screen, state.undo.back)
            dpg.add_text("", tag="latents message", wrap=0)
            dpg.add_text("", tag="latents count")
            dpg.add_checkbox(
                label="", tag="latents held out", callback=lambda sender, shown: own.plane.show_held_out(shown)
            )
            self._pictures = Pictures(own, self._screen)
            self._sliders = Sliders(own, self._screen)
            self._strip = Strip(own, self._screen, self._arrange_anew)

    # Layout

    def layout(self, width: int, height: int) -> None:
        dpg.configure_item("latents area", width=width, height=height)
        dpg.bind_item_theme("latents area", self._looks.bare())
        self._size = (width, height)
        self._subject.layout()
        self._arranged = self._shown = None

    def _arrange(self) -> None:
        """Places everything; the width of texts is known only after the first frame."""
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
        """Places the run and the axes in one row or two; returns the height."""
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
        own = self._state.latents
        self._plane.drag()
        self._arrange()
        self._subject.draw()
        self._plane.draw()
        if not self._changed(own.version, self._looks.theme, self._looks.scale, self._size):
            return
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
        message = own.message or ("reading the latent space …" if own.reading else "")
        if self._state.active_variant() is None:
            message = ""  # the choice of the run shows a hint
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
        return self._plane.wheel(steps) or self._sliders.wheel(steps)

    def press(self) -> bool:
        return self._plane.press() or self._strip.press()

    def on_leave(self) -> None:
        self._plane.end_drag()

    def double_click(self) -> None:
        self._plane.double_click()


def _count(space: Space | None) -> Sequence[str]:
    """Texts for the number of drawn images, the longest first: `3,000 of 60,000 training images`."""
    if space is None:
        return ()
    kind = {"train": "training"}.get(space.split, space.split)
    shown = len(space.points.labels)
    of_all = f"{shown:,} of {space.total:,}" if shown < space.total else f"{shown:,}"
    return f"{of_all} {kind} images", f"{of_all} {kind}", of_all
