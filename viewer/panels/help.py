"""The overlay that tells all shortcuts."""

import dearpygui.dearpygui as dpg

from viewer.state.app import AppState
from viewer.window.shortcuts import SHORTCUTS
from viewer.window.theme import Looks


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
            with dpg.table(header_row=False, policy=dpg.mvTable_SizingFixedFit):
                dpg.add_table_column()
                dpg.add_table_column()
                for shortcut in SHORTCUTS:
                    with dpg.table_row():
                        dpg.add_text(f"{shortcut.keys}   ", tag=f"help keys {shortcut.keys}")
                        dpg.add_text(shortcut.does)
            dpg.add_separator()
            dpg.add_text("F1 or Escape closes this.", tag="help foot")

    def draw(self, width: int, height: int) -> None:
        """Shows or hides it, in the middle of a window of so many pixels."""
        shown = dpg.is_item_shown("help overlay")
        if shown != self._state.help_open:
            dpg.configure_item("help overlay", show=self._state.help_open)
            if self._state.help_open:
                dpg.focus_item("help overlay")
        if self._state.help_open:
            for shortcut in SHORTCUTS:
                dpg.configure_item(f"help keys {shortcut.keys}", color=(*self._looks.text("accent"), 255))
            dpg.configure_item("help foot", color=(*self._looks.text("quiet"), 255))
            own = dpg.get_item_rect_size("help overlay")
            dpg.configure_item("help overlay", pos=((width - own[0]) // 2, max(0, (height - own[1]) // 3)))
