"""DearPyGui items that every panel uses, and what the window needs of a panel."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import dearpygui.dearpygui as dpg

from common.formatting import shortened
from viewer.core.theme import Looks
from viewer.core.typeface import TYPEFACE

Item = int | str
# Of a text that is cut to fit: no line is longer.
_MOST_LETTERS = 400


def rect(tag: Item) -> tuple[float, float, float, float]:
    """(left, top, width, height) of an item in the window, in pixels."""
    state = dpg.get_item_state(tag)
    # A child window knows its place only as a place in the window that holds it, which here fills everything.
    left, top = state.get("rect_min") or state["pos"]
    return left, top, *state["rect_size"]


def inside(tag: Item) -> bool:
    """Whether the mouse is over an item, whatever of the item's own content lies between."""
    x, y = dpg.get_mouse_pos(local=False)
    left, top, width, height = rect(tag)
    return left <= x < left + width and top <= y < top + height


def text_fields() -> list[Item]:
    """All items that a person can type into. A slider takes a number after Ctrl and a click, unless it says no."""
    return [item for item in dpg.get_all_items() if _takes_text(item)]


def _takes_text(item: Item) -> bool:
    kind = dpg.get_item_type(item).rpartition("::mv")[2]
    return kind.startswith(("Input", "Slider", "Drag")) and not dpg.get_item_configuration(item).get("no_input")


def set_text(tag: Item, text: str, colour: tuple[int, int, int] | None = None) -> None:
    """Changes a text, wherever it comes from, and, where given, its colour."""
    dpg.set_value(tag, TYPEFACE.drawn(text))
    if colour is not None:
        dpg.configure_item(tag, color=(*colour, 255))


def label_of(text: str) -> str:
    """A text from outside as what is written on an item, where two `#` would end it."""
    return TYPEFACE.drawn(text).replace("##", "#\u200b#")


def type_width() -> int:
    """Tells sizes of type apart as they are on screen: one that was chosen is there a frame later."""
    return text_width("0123456789")


def text_width(text: str) -> int:
    """How wide a text is in the type that is bound, in pixels; 0 before the first frame."""
    own, further = TYPEFACE.width(text)
    size = dpg.get_text_size(own)
    return round(size[0] + further) if size else 0


def fitting(texts: Sequence[str], width: int) -> str:
    """The first of some texts that so many pixels hold, or else as much of the last one's end.

    Args:
        texts: At least one, the longest first.
        width: In pixels.
    """
    for text in texts:
        if text_width(text) <= width:
            return text
    most = min(len(texts[-1]), _MOST_LETTERS)
    while most > 2 and text_width(shortened(texts[-1], most)) > width:
        most -= 1
    return shortened(texts[-1], most)


def beginning(text: str, width: int) -> str:
    """The text, or as much of its beginning as so many pixels hold."""
    if text_width(text) <= width:
        return text
    text = text[:_MOST_LETTERS]
    while text and text_width(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…" if text else ""


def first_fitting(texts: Sequence[str], width: int) -> str:
    """The first of several ways to say something for which so many pixels are enough; empty where none is."""
    return next((text for text in texts if text_width(text) <= width), "")


class Choice:
    """Buttons side by side, one of which is chosen.

    Args:
        tag: Beginning of the buttons' tags: `tag choice`.
        choices: (key, title) of each.
        choose: Called with the key of the button that was clicked.
    """

    def __init__(self, tag: str, choices: Sequence[tuple[str, str]], choose: Callable[[str], None]):
        self._tag = tag
        self._keys = [key for key, _ in choices]
        with dpg.group(horizontal=True, horizontal_spacing=2, tag=tag):
            for key, title in choices:
                dpg.add_button(
                    label=title,
                    tag=f"{tag} {key}",
                    user_data=key,
                    callback=lambda sender, data, key: choose(key),
                )

    def show(self, chosen: str, looks: Looks) -> None:
        """Marks the one that is chosen."""
        for key in self._keys:
            dpg.bind_item_theme(f"{self._tag} {key}", looks.button(key == chosen))


class Panel(Protocol):
    """See the module."""

    @property
    def actions(self) -> Mapping[str, Callable[[], object]]:
        """What keys do in it, by the names that shortcuts give it."""

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels."""

    def draw(self) -> None:
        """Brings the screen up to date."""

    def wheel(self, steps: float) -> bool:
        """The mouse wheel was turned; whether it was meant for this panel."""

    def press(self) -> bool:
        """The mouse was pressed; whether on something of this panel."""

    def let_go(self) -> None:
        """The panel is left: what the mouse held in it, it holds no more."""

    def double_click(self) -> object:
        """The mouse was pressed twice."""
