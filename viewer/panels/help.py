"""The overlay that tells all shortcuts."""

import dearpygui.dearpygui as dpg

from viewer.state.app import AppState
from viewer.window.shortcuts import SHORTCUTS
from viewer.window.theme import Looks

# Two halves side by side need so much of the window, at the usual scale.
_WIDE = 960
_MARGIN = 10


class HelpOverlay:
    """See the module.

    Args:
        state: The whole state.
        looks: Themes and sizes.
    """

    def __init__(self, state: AppState, looks: Looks):
        self._state, self._looks = state, looks
        with dpg.window(
            tag="help overlay",
            show=False,
            no_title_bar=True,
            no_move=True,
            no_resize=True,
            no_saved_settings=True,
            autosize=True,
        ):
            dpg.add_text("Keys and mouse")
            dpg.add_separator()
            self._add_table("narrow", 1)
            self._add_table("wide", 2)
            dpg.add_separator()
            dpg.add_text("F1 or Escape closes this.", tag="help foot")

    def _add_table(self, name: str, columns: int) -> None:
        """The shortcuts in so many columns, each read downwards."""
        rows = -(-len(SHORTCUTS) // columns)
        with dpg.table(tag=f"help {name}", header_row=False, policy=dpg.mvTable_SizingFixedFit, no_host_extendX=True):
            for _ in range(2 * columns):
                dpg.add_table_column()
            for row in range(rows):
                with dpg.table_row():
                    for shortcut in SHORTCUTS[row::rows]:
                        dpg.add_text(f"{shortcut.keys}   ", tag=f"help {name} {shortcut.keys}")
                        dpg.add_text(f"{shortcut.does}      ")

    def draw(self, width: int, height: int) -> None:
        """Shows or hides it, in the middle of a window of so many pixels."""
        shown = dpg.is_item_shown("help overlay")
        if shown != self._state.help_open:
            dpg.configure_item("help overlay", show=self._state.help_open)
            if self._state.help_open:
                dpg.focus_item("help overlay")
        if not self._state.help_open:
            return
        fits = "wide" if width >= self._looks.px(_WIDE) else "narrow"
        for name in ("wide", "narrow"):
            dpg.configure_item(f"help {name}", show=name == fits)
            for shortcut in SHORTCUTS:
                dpg.configure_item(f"help {name} {shortcut.keys}", color=(*self._looks.text("accent"), 255))
        dpg.configure_item("help foot", color=(*self._looks.text("quiet"), 255))
        # Where it is larger than the window it scrolls.
        largest = width - 2 * _MARGIN, height - 2 * _MARGIN
        own = dpg.get_item_rect_size("help overlay")
        place = [max(_MARGIN, (whole - part) // 2) for whole, part in zip((width, height), own)]
        dpg.configure_item("help overlay", max_size=largest, pos=place)
