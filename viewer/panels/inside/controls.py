"""What is said of a channel, and the slider and buttons that change it."""

import dearpygui.dearpygui as dpg

from viewer.panels.inside.layout import Box, Layout
from viewer.state.inside.inside import LARGEST_FACTOR, Inside
from viewer.state.inside.words import change_words, channel_words
from viewer.window.items import set_text, text_width
from viewer.window.theme import Looks

_SLIDER = "inside factor"


class Controls:
    """See the module.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
    """

    def __init__(self, state: Inside, looks: Looks):
        self._state, self._looks = state, looks
        self._words: Box = (0, 0, 1, 1)
        self._changes: Box | None = None
        self._labelled = False
        dpg.add_text("", tag="inside words")
        dpg.add_text("", tag="inside label")
        dpg.add_slider_float(
            tag=_SLIDER,
            max_value=LARGEST_FACTOR,
            clamped=True,
            callback=lambda sender, factor: state.set_factor(state.selected, factor),
        )
        dpg.add_button(label="Off", tag="inside off", callback=lambda: state.toggle(state.selected))
        dpg.add_button(label="Only this", tag="inside only", callback=lambda: state.keep_only(state.selected))
        dpg.add_button(label="Reset all", tag="inside reset", callback=lambda: state.reset())
        dpg.add_text("", tag="inside changes")

    def layout(self, layout: Layout) -> None:
        """Takes its place, in pixels."""
        places = layout.controls
        self._words, self._changes, self._labelled = layout.words, places.changes, places.label is not None
        dpg.configure_item("inside words", pos=layout.words[:2])
        if places.label is not None:
            dpg.configure_item("inside label", pos=places.label[:2])
        dpg.configure_item(_SLIDER, pos=places.slider[:2], width=places.slider[2])
        for name, (left, top, width, _) in places.buttons.items():
            dpg.configure_item(f"inside {name}", pos=(left, top), width=width)
        dpg.configure_item("inside changes", show=places.changes is not None)
        if places.changes is not None:
            dpg.configure_item("inside changes", pos=places.changes[:2])

    def draw(self, stale: bool) -> None:
        """Brings the screen up to date.

        Args:
            stale: Whether the changes' effect is not known yet.
        """
        state, looks = self._state, self._looks
        there = state.place is not None and state.place.kind != "other"
        for tag in (_SLIDER, "inside off", "inside only", "inside reset"):
            dpg.configure_item(tag, show=there)
        factor = state.factor(state.selected)
        label = f"channel {state.selected}"
        dpg.configure_item("inside label", show=there and self._labelled)
        set_text("inside label", label, looks.text("text"))
        dpg.configure_item(_SLIDER, format="× %.2f" if self._labelled else f"{label} × %.2f")
        dpg.set_value(_SLIDER, factor)
        dpg.configure_item("inside off", label="On" if factor == 0 else "Off")
        if self._changes is not None:
            words = _fitting(change_words(state) if there else [], self._changes[2], ": ", ", ")
            set_text("inside changes", words, looks.text("quiet" if stale or not state.scales else "text"))

    def draw_words(self) -> None:
        """Says what is under the mouse; each frame."""
        state = self._state
        words = channel_words(state)
        if self._changes is None and state.scales and not state.hovered:
            text = _fitting(change_words(state), self._words[2], ": ", ", ")
        else:
            text = _fitting(words, self._words[2], "   ·   ", "   ·   ")
        if dpg.get_value("inside words") != text:
            set_text("inside words", text, self._looks.text("quiet"))


def _fitting(words: list[str], width: int, first: str, further: str) -> str:
    """Words one after the other, as many as there is room for."""
    text = ""
    for number, word in enumerate(words):
        longer = word if not number else text + (first if number == 1 else further) + word
        if text and text_width(longer) > width:
            break
        text = longer
    return text
