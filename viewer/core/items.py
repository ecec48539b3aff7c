"""What every panel is built of: texts and choices that fit, and the base of all parts of the window."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import dearpygui.dearpygui as dpg

from common.formatting import shortened
from viewer.core.pane import Textures
from viewer.core.state import AppState
from viewer.core.theme import Item, Looks
from viewer.core.typeface import TYPEFACE

# Longest text that is cut to fit; no line is longer.
_MOST_LETTERS = 400

Key = TypeVar("Key")
State = TypeVar("State")


def rect(tag: Item) -> tuple[float, float, float, float]:
    """(left, top, width, height) of an item in the window, in pixels."""
    state = dpg.get_item_state(tag)
    # A child window knows only its place in its parent, which here is at the window's corner.
    left, top = state.get("rect_min") or state["pos"]
    return left, top, *state["rect_size"]


def inside(tag: Item) -> bool:
    """Whether the mouse is over an item or its content."""
    x, y = dpg.get_mouse_pos(local=False)
    left, top, width, height = rect(tag)
    return left <= x < left + width and top <= y < top + height


def text_fields() -> list[Item]:
    """All items that take typed text. A slider takes a number after Ctrl and a click, unless `no_input` is set."""
    return [item for item in dpg.get_all_items() if _takes_text(item)]


def _takes_text(item: Item) -> bool:
    kind = dpg.get_item_type(item).rpartition("::mv")[2]
    return kind.startswith(("Input", "Slider", "Drag")) and not dpg.get_item_configuration(item).get("no_input")


def set_text(tag: Item, text: str, colour: tuple[int, int, int] | None = None) -> None:
    """Changes a text, which may contain any characters, and its colour where one is given."""
    dpg.set_value(tag, TYPEFACE.drawn(text))
    if colour is not None:
        dpg.configure_item(tag, color=(*colour, 255))


def set_slider(tag: Item, position: int, count: int, text: str) -> None:
    """Sets a slider with so many positions, and the text on it, in which DearPyGui reads % as a number's format."""
    dpg.configure_item(tag, min_value=0, max_value=max(1, count - 1), format=text.replace("%", ""))
    dpg.set_value(tag, position)


def label_of(text: str) -> str:
    """A text of unknown origin as an item's label, in which two `#` would start the item's identifier."""
    return TYPEFACE.drawn(text).replace("##", "#\u200b#")


def type_width() -> int:
    """Identifies the size of the type on screen, which follows the chosen size one frame later."""
    return text_width("0123456789")


def text_width(text: str) -> int:
    """The width of a text in the current font, in pixels; 0 before the first frame."""
    own, further = TYPEFACE.width(text)
    size = dpg.get_text_size(own)
    return round(size[0] + further) if size else 0


def fitting(texts: Sequence[str], width: int) -> str:
    """The first of some texts that fits, or else the end of the last one.

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
    """The text, or as much of its beginning as fits into so many pixels."""
    if text_width(text) <= width:
        return text
    text = text[:_MOST_LETTERS]
    while text and text_width(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…" if text else ""


def first_fitting(texts: Sequence[str], width: int) -> str:
    """The first of several texts that fits into so many pixels; empty where none does."""
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
                    label=title, tag=f"{tag} {key}", user_data=key, callback=lambda sender, data, key: choose(key)
                )

    def show(self, chosen: str, looks: Looks) -> None:
        """Marks the one that is chosen."""
        for key in self._keys:
            dpg.bind_item_theme(f"{self._tag} {key}", looks.button(key == chosen))


def add_combo(tag: str, titles: Mapping[Key, str], choose: Callable[[Key], None]) -> None:
    """Adds a list of titles; `choose` is called with the key of the one that is chosen."""
    keys = {title: key for key, title in titles.items()}
    dpg.add_combo(list(keys), tag=tag, callback=lambda sender, title: choose(keys[title]))


@dataclass(frozen=True)
class Screen:
    """What is drawn with.

    Args:
        looks: Themes and sizes.
        textures: Where pixels come from.
    """

    looks: Looks
    textures: Textures


class Part(Generic[State]):
    """A part of the window. It draws a state, and turns clicks into calls of that state.

    Args:
        state: What is drawn.
        screen: What it is drawn with.
    """

    def __init__(self, state: State, screen: Screen):
        self._state, self._screen, self._looks = state, screen, screen.looks
        self._shown: tuple | None = None
        self._build()

    def _build(self) -> None:
        """Makes the items, in the container that is open."""

    def _changed(self, *shown: Any) -> bool:
        """Whether what decides the drawing differs from the last call; `_shown = None` makes it differ."""
        before, self._shown = self._shown, shown
        return shown != before


class Panel(Part[AppState]):
    """One of the window's panels.

    Attributes:
        actions: Name of a shortcut's action → what it does in this panel.
    """

    actions: Mapping[str, Callable[[], object]] = {}

    def layout(self, width: int, height: int) -> None:
        """Places everything in an area of so many pixels."""

    def draw(self) -> None:
        """Brings the screen up to date; called in each frame."""

    def wheel(self, steps: float) -> bool:
        """Handles a turn of the mouse wheel; False where the mouse is over nothing of this panel."""
        return False

    def press(self) -> bool:
        """Handles a press of the left mouse button; False where the mouse is over nothing of this panel."""
        return False

    def double_click(self) -> object:
        """Handles a double click."""

    def on_leave(self) -> None:
        """Ends a drag, because the panel is left."""
