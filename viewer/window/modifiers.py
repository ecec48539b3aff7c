"""Whether Ctrl, Shift or Alt is held along with a key or a click."""

import dearpygui.dearpygui as dpg

CONTROL = (dpg.mvKey_LControl, dpg.mvKey_RControl)
SHIFT = (dpg.mvKey_LShift, dpg.mvKey_RShift)
ALT = (dpg.mvKey_LAlt, dpg.mvKey_RAlt)


def down(keys: tuple[int, int]) -> bool:
    """Whether one of two keys was down at the end of the last frame."""
    return any(dpg.is_key_down(key) for key in keys)


def held(keys: tuple[int, int]) -> bool:
    """Whether one of two keys was down at any time in the last frame.

    A person lets Ctrl and Z go at nearly the same time. Where a frame is slow it brings both, and of Ctrl only that it
    is up; but before that it was down.
    """
    return down(keys) or any(dpg.is_key_released(key) for key in keys)
