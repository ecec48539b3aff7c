"""Sliders that move the point: along principal components, or along the dimensions themselves."""

import dearpygui.dearpygui as dpg

from viewer.panels.latents.words import number_text, signed
from viewer.state.latents.geometry import Axis
from viewer.state.latents.space import LatentSpace
from viewer.window.items import Choice, inside, set_text, text_width
from viewer.window.theme import Looks

MOST = 12
"""Sliders on screen."""

_HEAD, _ROW, _GAP, _COLUMN_GAP = 34, 28, 8, 20
_NARROWEST, _SHORTEST = 170, 36
_LONGEST_VALUE = "−0.00 σ"
_HEADING = ("latent sliders", "latent sliders back", "latent sliders on", "latent sliders range")


class Sliders:
    """See the module.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
    """

    def __init__(self, state: LatentSpace, looks: Looks):
        self._state, self._looks = state, looks
        self._shown = MOST
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
            # Its value stands beside it: inside, the grip would cover it.
            dpg.add_slider_float(tag=tag, user_data=index, callback=self._moved, no_input=True, format="")
            dpg.add_text("", tag=f"{tag} value")

    # Layout

    @property
    def _several(self) -> bool:
        """Whether there is a choice of what to move along."""
        return self._state.space is not None and self._state.space.size > 2

    def _columns(self, width: int) -> int:
        return 2 if width >= self._looks.px(2 * _NARROWEST + _COLUMN_GAP) else 1

    def height(self, width: int, most: int) -> int:
        """How high it is with so much width, at most `most`, both in pixels."""
        px = self._looks.px
        head = px(_HEAD) if self._several else 0
        rows = -(-min(MOST, len(self._state.sliders())) // self._columns(width))
        return head + max(1, min(rows, (most - head) // px(_ROW))) * px(_ROW)

    def layout(self, x: int, y: int, width: int, height: int) -> None:
        """Takes its place, in pixels; without any height it is hidden."""
        self._open = height > 0
        self._places = (x, y, width, height)
        px = self._looks.px
        head = px(_HEAD) if self._several else 0
        left = x
        turn = text_width("‹") + text_width("›") + 2 * px(18) + 2 * px(_GAP)
        for titles in (("Components", "Dimensions"), ("PC", "dim")):
            kinds = sum(text_width(title) + px(18) for title in titles) + px(2)
            if kinds + turn <= width:
                break
        for kind, title in zip(("component", "dimension"), titles):
            dpg.configure_item(f"latent sliders {kind}", label=title)
        for tag, wide in zip(_HEADING, (kinds, text_width("‹") + px(18), text_width("›") + px(18), 0)):
            dpg.configure_item(tag, pos=(left, y))
            left += wide + px(_GAP)
        self._words_room = x + width - (left - px(_GAP))
        columns = self._columns(width)
        rows = max(1, (height - head) // px(_ROW))
        self._shown = min(MOST, rows * columns)
        wide = (width - (columns - 1) * px(_COLUMN_GAP)) // columns
        names = max((text_width(_name(axis)) for axis in self._state.sliders()[-1:]), default=0) + px(_GAP)
        values = text_width(_LONGEST_VALUE) + px(_GAP)
        for index in range(MOST):
            tag = f"latent slider {index}"
            start, down = x + index // rows * (wide + px(_COLUMN_GAP)), y + head + index % rows * px(_ROW)
            dpg.configure_item(f"{tag} name", pos=(start, down))
            dpg.configure_item(tag, pos=(start + names, down), width=max(px(_SHORTEST), wide - names - values))
            dpg.configure_item(f"{tag} value", pos=(start + wide - values + px(_GAP), down))

    # Drawing

    def _axes(self) -> list[Axis]:
        first = self._state.first_slider
        return self._state.sliders()[first : first + self._shown]

    def draw(self) -> None:
        """Brings the screen up to date."""
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
        """Shows as many sliders as there are axes, and says what each is."""
        state, looks = self._state, self._looks
        for tag in _HEADING:
            dpg.configure_item(tag, show=self._several and self._open)
        self._kinds.show(state.slider_kind, looks)
        many = len(state.sliders())
        dpg.configure_item("latent sliders back", enabled=state.first_slider > 0)
        dpg.configure_item("latent sliders on", enabled=state.first_slider + self._shown < many)
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
        """The mouse wheel was turned; whether over the sliders."""
        over = self._open and any(inside(f"latent slider {index}") for index in range(len(self._axes())))
        if over:
            self.page(-1 if steps > 0 else 1)
        return over

    def page(self, by: int) -> None:
        """Shows the next sliders, or those before."""
        self._state.page(by * self._shown, self._shown)

    def _moved(self, sender, amount: float, index: int) -> None:
        axes = self._axes()
        if index < len(axes):
            self._state.set_amount(axes[index], amount)


def _name(axis: Axis) -> str:
    kind, number = axis
    return f"PC {number + 1}" if kind == "component" else f"dim {number}"
