"""Keys: what they do, and how the help overlay says so."""

from collections.abc import Callable
from dataclasses import dataclass

import dearpygui.dearpygui as dpg

from viewer.window.modifiers import ALT, CONTROL, SHIFT, down, held


@dataclass(frozen=True)
class Key:
    """A key, and what it does.

    Args:
        code: DearPyGui's.
        action: Name of the action.
        control: Whether Ctrl is held.
        shift: Whether Shift is held.
    """

    code: int
    action: str
    control: bool = False
    shift: bool = False


@dataclass(frozen=True)
class Shortcut:
    """A line of the help overlay.

    Args:
        keys: As a person reads it.
        does: What happens.
        bound: The keys that are meant; none where the mouse is.
    """

    keys: str
    does: str
    bound: tuple[Key, ...] = ()


def _control(code: int, action: str, shift: bool = False) -> tuple[Key, ...]:
    return (Key(code, action, control=True, shift=shift),)


SHORTCUTS = (
    Shortcut("1, 2, 3, 4", "open a panel", tuple(Key(dpg.mvKey_1 + number, f"panel {number}") for number in range(4))),
    Shortcut("Ctrl-F", "search the runs", _control(dpg.mvKey_F, "search")),
    Shortcut(
        "↑ ↓, Page ↑ ↓",
        "the next run, or the one before; a page",
        (
            Key(dpg.mvKey_Up, "up"),
            Key(dpg.mvKey_Down, "down"),
            Key(dpg.mvKey_Prior, "page up"),
            Key(dpg.mvKey_Next, "page down"),
        ),
    ),
    Shortcut("Ctrl-click, Shift-click", "select several runs"),
    Shortcut(
        "Enter",
        "reconstruct with the selected runs",
        (Key(dpg.mvKey_Return, "compare"), Key(dpg.mvKey_NumPadEnter, "compare")),
    ),
    Shortcut("Ctrl-O", "open an image", _control(dpg.mvKey_O, "open")),
    Shortcut(
        "← →",
        "the previous or the next image of the dataset",
        (Key(dpg.mvKey_Left, "left"), Key(dpg.mvKey_Right, "right")),
    ),
    Shortcut("Space", "pause the camera or video, or let it go on", (Key(dpg.mvKey_Spacebar, "pause"),)),
    Shortcut("Wheel, drag", "zoom into an image; move it"),
    Shortcut("0, double click", "show the whole image again", (Key(dpg.mvKey_0, "whole"),)),
    Shortcut("Click, Ctrl-click a map", "choose a channel; switch it off or on"),
    Shortcut("Ctrl-click a slider", "type its number"),
    Shortcut("D", "divider between original and reconstruction", (Key(dpg.mvKey_D, "divide"),)),
    Shortcut("E", "the next kind of error map", (Key(dpg.mvKey_E, "error"),)),
    Shortcut("Click, drag a point", "move it through latent space; drag beside it: move the plane"),
    Shortcut(
        "I, M",
        "the point goes to the image; to the mean",
        (Key(dpg.mvKey_I, "to image"), Key(dpg.mvKey_M, "to mean")),
    ),
    Shortcut(
        "A, B",
        "the point becomes an end of the way from A to B",
        (Key(dpg.mvKey_A, "first end"), Key(dpg.mvKey_B, "last end")),
    ),
    Shortcut("Ctrl-Z", "undo a slider", _control(dpg.mvKey_Z, "undo")),
    Shortcut("Ctrl-Y, Ctrl-Shift-Z", "redo", _control(dpg.mvKey_Y, "redo") + _control(dpg.mvKey_Z, "redo", shift=True)),
    Shortcut("Ctrl-S", "save the panel as a picture", _control(dpg.mvKey_S, "save")),
    Shortcut("Ctrl-Shift-S", "save the comparison as a figure", _control(dpg.mvKey_S, "figure", shift=True)),
    Shortcut("T", "light or dark", (Key(dpg.mvKey_T, "theme"),)),
    Shortcut(
        "F1, ?; Escape",
        "this help; away with it",
        (Key(dpg.mvKey_F1, "help"), Key(dpg.mvKey_Slash, "help", shift=True), Key(dpg.mvKey_Escape, "escape")),
    ),
)


# What a text field has no use for, so that it acts while a person types: keys that write nothing, and letters with
# Ctrl other than those of its own undo.
_WRITE_NOTHING = (dpg.mvKey_F1, dpg.mvKey_Escape)
_OF_THE_FIELD = ("undo", "redo")


class Keys:
    """Turns key presses into actions. While a person types, what is typed belongs to the text.

    Args:
        perform: Called with the name of an action.
        typing: Whether a text field has the keyboard.
    """

    def __init__(self, perform: Callable[[str], None], typing: Callable[[], bool]):
        self._perform, self._typing = perform, typing
        self._bound = {
            (key.code, key.control, key.shift): key.action for shortcut in SHORTCUTS for key in shortcut.bound
        }
        with dpg.handler_registry():
            dpg.add_key_press_handler(callback=lambda sender, key: self.press(key))

    def press(self, key: int) -> None:
        """A key went down."""
        if held(ALT):  # with Ctrl it is AltGr, which writes letters; alone it is the desktop's
            return
        control = held(CONTROL)
        action = self._bound.get((key, control, held(SHIFT)))
        if action is None:  # Ctrl was let go in this frame, and before the key
            control = down(CONTROL)
            action = self._bound.get((key, control, down(SHIFT)))
        if action is None:
            return
        if self._typing() and (action in _OF_THE_FIELD or not (control or key in _WRITE_NOTHING)):
            return
        self._perform(action)
