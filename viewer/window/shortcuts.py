"""Keys: what they do, and how the help overlay says so."""

from collections.abc import Callable
from dataclasses import dataclass

import dearpygui.dearpygui as dpg

from viewer.window.modifiers import CONTROL, SHIFT, down, held


@dataclass(frozen=True)
class Shortcut:
    """A line of the help overlay; where `action` is set, also a key that is bound to it.

    Args:
        keys: As a person reads it.
        does: What happens.
        action: Name of the action.
        key: DearPyGui's code of the key.
        control: Whether Ctrl is held.
        shift: Whether Shift is held.
    """

    keys: str
    does: str
    action: str = ""
    key: int = 0
    control: bool = False
    shift: bool = False


SHORTCUTS = (
    Shortcut("1, 2, 3, 4", "open a panel"),
    Shortcut("Ctrl-F", "search the runs", "search", dpg.mvKey_F, control=True),
    Shortcut("↑ ↓, Page ↑ ↓", "the next run, or the one before; a page"),
    Shortcut("Ctrl-click, Shift-click", "select several runs"),
    Shortcut("Enter", "reconstruct with the selected runs", "compare", dpg.mvKey_Return),
    Shortcut("Ctrl-O", "open an image", "open", dpg.mvKey_O, control=True),
    Shortcut("← →", "the previous or the next image of the dataset"),
    Shortcut("Space", "pause the camera or video, or let it go on", "pause", dpg.mvKey_Spacebar),
    Shortcut("Wheel, drag", "zoom into an image; move it"),
    Shortcut("0, double click", "show the whole image again", "whole", dpg.mvKey_0),
    Shortcut("Click, Ctrl-click a map", "choose a channel; switch it off or on"),
    Shortcut("Ctrl-click a slider", "type its number"),
    Shortcut("D", "divider between original and reconstruction", "divide", dpg.mvKey_D),
    Shortcut("E", "the next kind of error map", "error", dpg.mvKey_E),
    Shortcut("Click, drag a point", "move it through latent space; drag beside it: move the plane"),
    Shortcut("I, M", "the point goes to the image; to the mean", "to image", dpg.mvKey_I),
    Shortcut("A, B", "the point becomes an end of the way from A to B", "first end", dpg.mvKey_A),
    Shortcut("Ctrl-Z", "undo a slider", "undo", dpg.mvKey_Z, control=True),
    Shortcut("Ctrl-Y, Ctrl-Shift-Z", "redo", "redo", dpg.mvKey_Y, control=True),
    Shortcut("Ctrl-S", "save the panel as a picture", "save", dpg.mvKey_S, control=True),
    Shortcut("Ctrl-Shift-S", "save the comparison as a figure", "figure", dpg.mvKey_S, control=True, shift=True),
    Shortcut("T", "light or dark", "theme", dpg.mvKey_T),
    Shortcut("F1, ?", "this help", "help", dpg.mvKey_F1),
)


class Keys:
    """Turns key presses into actions, except while a person types.

    Args:
        perform: Called with the name of an action.
        typing: Whether a text field has the keyboard.
    """

    def __init__(self, perform: Callable[[str], None], typing: Callable[[], bool]):
        self._perform, self._typing = perform, typing
        self._bound = {
            (shortcut.key, shortcut.control, shortcut.shift): shortcut.action
            for shortcut in SHORTCUTS
            if shortcut.action
        }
        self._bound |= {
            (dpg.mvKey_Z, True, True): "redo",
            (dpg.mvKey_M, False, False): "to mean",
            (dpg.mvKey_B, False, False): "last end",
            (dpg.mvKey_Up, False, False): "up",
            (dpg.mvKey_Down, False, False): "down",
            (dpg.mvKey_Prior, False, False): "page up",
            (dpg.mvKey_Next, False, False): "page down",
            (dpg.mvKey_Left, False, False): "left",
            (dpg.mvKey_Right, False, False): "right",
            (dpg.mvKey_Escape, False, False): "escape",
            (dpg.mvKey_NumPadEnter, False, False): "compare",
            (dpg.mvKey_Slash, False, True): "help",
            **{(dpg.mvKey_1 + number, False, False): f"panel {number}" for number in range(4)},
        }
        with dpg.handler_registry():
            dpg.add_key_press_handler(callback=lambda sender, key: self.press(key))

    def press(self, key: int) -> None:
        """A key went down."""
        control = held(CONTROL)
        action = self._bound.get((key, control, held(SHIFT)))
        if action is None:  # Ctrl was let go in this frame, and before the key
            control = down(CONTROL)
            action = self._bound.get((key, control, down(SHIFT)))
        if action is None or (self._typing() and not control and action not in ("escape", "help")):
            return
        if self._typing() and action in ("undo", "redo"):
            return  # the text field's own
        self._perform(action)
