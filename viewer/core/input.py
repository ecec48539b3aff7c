"""Keyboard and mouse: shortcuts, and when the next frame is drawn."""

import ctypes
import ctypes.util
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import dearpygui.dearpygui as dpg

CONTROL = (dpg.mvKey_LControl, dpg.mvKey_RControl)
SHIFT = (dpg.mvKey_LShift, dpg.mvKey_RShift)
ALT = (dpg.mvKey_LAlt, dpg.mvKey_RAlt)


def down(keys: tuple[int, int]) -> bool:
    """Whether one of two keys was down at the end of the last frame."""
    return any(dpg.is_key_down(key) for key in keys)


def held(keys: tuple[int, int]) -> bool:
    """Whether one of two keys was down at any time in the last frame.

    Ctrl and Z are released at nearly the same time. A slow frame reports both, with Ctrl up at its end.
    """
    return down(keys) or any(dpg.is_key_released(key) for key in keys)


@dataclass(frozen=True)
class Key:
    """A key and its action.

    Args:
        code: DearPyGui's key code.
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
        keys: Text for the keys.
        does: What they do.
        bound: The keys; empty for mouse actions.
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
        "I, M", "the point goes to the image; to the mean", (Key(dpg.mvKey_I, "to image"), Key(dpg.mvKey_M, "to mean"))
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
        "open this help; close it",
        (Key(dpg.mvKey_F1, "help"), Key(dpg.mvKey_Slash, "help", shift=True), Key(dpg.mvKey_Escape, "escape")),
    ),
)


# Keys that act while the user types: those that write nothing, and letters with Ctrl except a text field's own undo.
_WRITE_NOTHING = (dpg.mvKey_F1, dpg.mvKey_Escape)
_OF_THE_FIELD = ("undo", "redo")


class Keys:
    """Turns key presses into actions, except while the user types into a text field.

    Args:
        perform: Called with the name of an action.
        typing: Returns whether a text field has the focus.
    """

    def __init__(self, perform: Callable[[str], None], typing: Callable[[], bool]):
        self._perform, self._typing = perform, typing
        self._bound = {
            (key.code, key.control, key.shift): key.action for shortcut in SHORTCUTS for key in shortcut.bound
        }
        with dpg.handler_registry():
            dpg.add_key_press_handler(callback=lambda sender, key: self.press(key))

    def press(self, key: int) -> None:
        """Handles a key press."""
        if held(ALT):  # with Ctrl it is AltGr, which writes letters; alone it belongs to the desktop
            return
        control = held(CONTROL)
        action = self._bound.get((key, control, held(SHIFT)))
        if action is None:  # Ctrl was released in this frame, before the key
            control = down(CONTROL)
            action = self._bound.get((key, control, down(SHIFT)))
        if action is None:
            return
        if self._typing() and (action in _OF_THE_FIELD or not (control or key in _WRITE_NOTHING)):
            return
        self._perform(action)


class InputWatch:
    """Asks the X server for mouse and keys while no frame is drawn. Without X or libX11 it reports nothing."""

    def __init__(self):
        self._x11 = None
        self._last: tuple | None = None
        if sys.platform != "linux" or not os.environ.get("DISPLAY"):
            return
        try:
            x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        except OSError:
            return
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XDefaultRootWindow.argtypes = [ctypes.c_void_p]
        x11.XDefaultRootWindow.restype = ctypes.c_ulong
        x11.XQueryPointer.argtypes = [ctypes.c_void_p, ctypes.c_ulong, *[ctypes.c_void_p] * 7]
        x11.XQueryKeymap.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        x11.XResourceManagerString.argtypes = [ctypes.c_void_p]
        x11.XResourceManagerString.restype = ctypes.c_char_p
        self._display = x11.XOpenDisplay(None)
        if self._display:
            self._x11 = x11
            self._root = x11.XDefaultRootWindow(self._display)
            self._windows = ctypes.c_ulong(), ctypes.c_ulong()
            self._numbers = [ctypes.c_int() for _ in range(4)]
            self._buttons = ctypes.c_uint()
            self._keys = ctypes.create_string_buffer(32)

    def moved(self) -> bool:
        """Whether pointer, buttons or keys have changed since the last call."""
        if self._x11 is None:
            return False
        places = [ctypes.byref(value) for value in (*self._windows, *self._numbers, self._buttons)]
        self._x11.XQueryPointer(self._display, self._root, *places)
        self._x11.XQueryKeymap(self._display, self._keys)
        now = (self._numbers[0].value, self._numbers[1].value, self._buttons.value, self._keys.raw)
        moved, self._last = self._last is not None and now != self._last, now
        return moved

    def scale(self) -> float:
        """The desktop's scale of text: `Xft.dpi` / 96, from 1 to 3."""
        text = self._x11.XResourceManagerString(self._display) if self._x11 else None
        for line in (text or b"").decode("utf-8", "replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "Xft.dpi":
                try:
                    return max(1.0, min(3.0, float(value) / 96))
                except ValueError:
                    break
        return 1.0


# Seconds of fast frames after the last change.
_BUSY_SECONDS = 0.6
# Seconds between frames: 1/60, or 1/30 where a frame takes more than 8 ms of a processor, which the worker needs.
_FASTEST, _FASTEST_WHEN_DEAR, _DEAR = 1 / 60, 1 / 30, 0.008
# An event causes an earlier frame, but not before so many seconds.
_SOONEST = 1 / 60
# Share of one processor for an idle window, and the bounds of its seconds between frames.
_IDLE_SHARE = 0.05
_IDLE_SOONEST, _IDLE_LATEST = 1 / 12, 1.0
_LOOK = 0.04


class Pace:
    """Decides when the next frame is drawn: soon while something changes, seldom while idle.

    Args:
        watch: Notices input while no frame is drawn.
    """

    def __init__(self, watch: InputWatch):
        self.wake = threading.Event()
        self._watch = watch
        self._busy_until = time.monotonic() + _BUSY_SECONDS
        self._began = time.monotonic()
        self._processor = time.process_time()
        self._cost = 0.02

    def begin(self) -> None:
        """Marks the beginning of a frame."""
        self._began = time.monotonic()
        self._processor = time.process_time()

    def end(self, soon: bool) -> None:
        """Marks the end of a frame; `soon` where the next one should follow soon."""
        # Of all threads, because software GL draws in several.
        self._cost += 0.2 * (time.process_time() - self._processor - self._cost)
        if soon:
            self._busy_until = self._began + _BUSY_SECONDS

    def wait(self) -> None:
        """Waits for the time of the next frame, or until something happens."""
        now = time.monotonic()
        if now < self._busy_until:
            interval = _FASTEST if self._cost < _DEAR else _FASTEST_WHEN_DEAR
            time.sleep(max(0.0, self._began + _SOONEST - now))
            self.wake.wait(max(0.0, self._began + interval - time.monotonic()))
            self.wake.clear()
            self._watch.moved()
            return
        until = self._began + min(_IDLE_LATEST, max(_IDLE_SOONEST, self._cost / _IDLE_SHARE))
        while (left := until - time.monotonic()) > 0:
            if self.wake.wait(min(_LOOK, left)):
                self.wake.clear()
                return
            if self._watch.moved():
                self._busy_until = time.monotonic() + _BUSY_SECONDS
                return
