"""Notices the mouse and the keyboard while no frame is drawn, so that an idle window wakes at once."""

import ctypes
import ctypes.util
import os
import sys


class InputWatch:
    """Asks the X server for the pointer and the keys. Elsewhere, or where libX11 is missing, it sees nothing."""

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
        """Whether pointer, buttons or keys are other than at the last call."""
        if self._x11 is None:
            return False
        places = [ctypes.byref(value) for value in (*self._windows, *self._numbers, self._buttons)]
        self._x11.XQueryPointer(self._display, self._root, *places)
        self._x11.XQueryKeymap(self._display, self._keys)
        now = (self._numbers[0].value, self._numbers[1].value, self._buttons.value, self._keys.raw)
        moved, self._last = self._last is not None and now != self._last, now
        return moved

    def scale(self) -> float:
        """How much larger than usual the desktop wants its text: by `Xft.dpi`, of which 96 is usual."""
        text = self._x11.XResourceManagerString(self._display) if self._x11 else None
        for line in (text or b"").decode("utf-8", "replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "Xft.dpi":
                try:
                    return max(1.0, min(3.0, float(value) / 96))
                except ValueError:
                    break
        return 1.0
