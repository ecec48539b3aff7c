"""The line above the mosaic: how maps are sorted and coloured, and what the colours mean."""

import dearpygui.dearpygui as dpg

from viewer.colours import scale_bar
from viewer.panels.inside.layout import Box
from viewer.picture_cache import PictureCache
from viewer.state.inside.channels import Channels
from viewer.state.inside.inside import ORDERS, Inside
from viewer.state.view import View
from viewer.window.items import set_text, text_width
from viewer.window.pane import Pane
from viewer.window.textures import Textures
from viewer.window.theme import Looks

_RANGES = ("own scales", "one scale")
_ORDERS = dict(zip(ORDERS, ("by number", "by strength")))
_COMBO, _LEAST_BAR = 136, 40


class Tools:
    """See the module.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
        textures: Where pixels come from.
    """

    def __init__(self, state: Inside, looks: Looks, textures: Textures):
        self._state, self._looks = state, looks
        self._box: Box = (0, 0, 1, 1)
        self._combo = 1
        self._pictures = PictureCache()
        dpg.add_combo(
            list(_ORDERS.values()),
            tag="inside order",
            callback=lambda sender, title: state.set_order(next(key for key in ORDERS if _ORDERS[key] == title)),
        )
        dpg.add_combo(
            _RANGES,
            tag="inside range",
            callback=lambda sender, title: state.set_shared(title == _RANGES[1]),
        )
        dpg.add_text("", tag="inside low")
        self._bar = Pane(textures, "inside bar")
        dpg.add_text("", tag="inside high")

    def layout(self, box: Box) -> None:
        """Takes its place, in pixels."""
        gap = self._looks.px(8)
        self._box = left, top, width, _ = box
        self._combo = min(self._looks.px(_COMBO), (width - gap) // 2)
        for number, tag in enumerate(("inside order", "inside range")):
            dpg.configure_item(tag, pos=(left + number * (self._combo + gap), top), width=self._combo)

    def draw(self, channels: Channels | None) -> None:
        """Brings the screen up to date."""
        state = self._state
        dpg.set_value("inside order", _ORDERS[state.order])
        dpg.set_value("inside range", _RANGES[state.shared])
        vector = channels is not None and channels.is_vector
        # Numbers that each had a scale of their own would all have the colour of its end.
        dpg.configure_item("inside range", show=not vector)
        there = channels is not None and self._draw_bar(channels, 1 if vector else 2)
        for tag in ("inside low", "inside high", "inside bar place"):
            dpg.configure_item(tag, show=there)

    def _draw_bar(self, channels: Channels, combos: int) -> bool:
        """The colours with what their ends mean, right of so many combos; whether there is room."""
        px, quiet = self._looks.px, self._looks.text("quiet")
        if self._state.shared or channels.is_vector:
            low, high = (f"{float(end[0]):.3g}" for end in channels.ranges(shared=True))
        else:
            low, high = "−max" if channels.signed else "0", "max"
        left, top, width, _ = self._box
        low_left = left + combos * (self._combo + px(8)) + px(8)
        high_left = left + width - text_width(high)
        bar_left = low_left + text_width(low) + px(6)
        bar_width, bar_height = min(px(200), high_left - px(6) - bar_left), px(12)
        if bar_width < px(_LEAST_BAR):
            return False
        # A text beside something framed is drawn lower by the frame's padding.
        set_text("inside low", low, quiet)
        set_text("inside high", high, quiet)
        dpg.configure_item("inside low", pos=(low_left, top))
        dpg.configure_item("inside high", pos=(bar_left + bar_width + px(6), top))
        dpg.configure_item("inside bar place", pos=(bar_left, top + px(7)))
        self._bar.resize(bar_width, bar_height)
        key = (channels.colours, bar_width, bar_height)
        bar = self._pictures.made("bar", None, key, lambda: scale_bar(*key))
        self._bar.show(bar, View(), self._looks.palette.picture_ground)
        return True
