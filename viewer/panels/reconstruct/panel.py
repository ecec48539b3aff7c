"""The Reconstruct panel: an image on its way through runs."""

import dearpygui.dearpygui as dpg

from viewer.panels.reconstruct.comparison import Comparison
from viewer.state.app import AppState
from viewer.state.error_maps import ERROR_MAPS, SCALES
from viewer.state.view import View
from viewer.window.items import Choice
from viewer.window.textures import Textures
from viewer.window.theme import Looks

_MAP_TITLES = {"absolute": "Absolute", "signed": "Signed", "ssim": "SSIM map"}
_ROW = 38
_AUTOMATIC = "scale: largest error"


class ReconstructPanel:
    """See the module.

    Args:
        state: The whole state.
        looks: Themes and sizes.
        textures: Where pixels come from.
        export: Called to save the comparison as a figure.

    Attributes:
        actions: What keys do here, by the names that shortcuts give it.
    """

    def __init__(self, state: AppState, looks: Looks, textures: Textures, export):
        self._state, self._looks = state, looks
        self._shown: tuple | None = None
        self._size = (1, 1)
        self._wrapped = False
        own = state.reconstruct
        self.actions = {
            "whole": lambda: own.set_view(View()),
            "divide": self.toggle_divider,
            "error": self.next_error_map,
        }
        with dpg.group(tag="reconstruct panel", show=False):
            with dpg.group(horizontal=True, tag="reconstruct tools"):
                with dpg.group(horizontal=True, tag="error tools"):
                    self._maps = Choice("map", [(name, _MAP_TITLES[name]) for name in ERROR_MAPS], own.set_error_map)
                    dpg.add_combo(
                        [_scale_title(scale) for scale in SCALES],
                        tag="error range",
                        callback=lambda sender, title: own.set_scale(
                            next(scale for scale in SCALES if _scale_title(scale) == title)
                        ),
                    )
                with dpg.group(horizontal=True, tag="view tools"):
                    dpg.add_checkbox(label="Divider", tag="divider", callback=lambda: self.toggle_divider())
                    dpg.add_button(label="Whole image", tag="whole image", callback=lambda: own.set_view(View()))
                    dpg.add_button(label="Save figure", tag="save figure", callback=lambda: export())
            self._comparison = Comparison(state, looks, textures)

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels."""
        dpg.configure_item("error range", width=self._looks.px(178))
        self._size = (width, height)
        self._arrange()

    def _arrange(self) -> None:
        """Lays the tools out in one row, or in two where they are wider than the panel."""
        width, height = self._size
        dpg.configure_item("reconstruct tools", horizontal=not self._wrapped)
        self._comparison.layout(width, height - self._looks.px(_ROW) * (2 if self._wrapped else 1))
        self._shown = None

    def _wrap(self) -> None:
        """How wide the tools are is known once they were drawn."""
        needed = sum(dpg.get_item_rect_size(tag)[0] for tag in ("error tools", "view tools")) + self._looks.px(8)
        if self._wrapped != (needed > self._size[0]):
            self._wrapped = not self._wrapped
            self._arrange()

    def draw(self) -> None:
        """Brings the screen up to date."""
        own = self._state.reconstruct
        self._wrap()
        self._comparison.draw()
        shown = (own.version, self._state.version)
        if shown == self._shown:
            return
        self._shown = shown
        self._maps.show(own.error_map, self._looks)
        dpg.set_value("error range", _scale_title(own.scale))
        dpg.configure_item("error range", show=own.error_map != "ssim")
        dpg.set_value("divider", own.split is not None)

    def wheel(self, steps: float) -> bool:
        """The mouse wheel was turned; whether it was meant for this panel."""
        return self._comparison.wheel(steps)

    def press(self) -> bool:
        """The mouse was pressed; whether on something of this panel."""
        return self._comparison.press()

    def let_go(self) -> None:
        """The panel is left: what the mouse held in it, it holds no more."""
        self._comparison.let_go()

    def double_click(self) -> None:
        """The mouse was pressed twice."""
        self._comparison.double_click()

    def toggle_divider(self) -> None:
        """Shows the divider in the middle, or takes it away."""
        own = self._state.reconstruct
        own.set_split(0.5 if own.split is None else None)

    def next_error_map(self) -> None:
        """Shows the next kind of error map."""
        own = self._state.reconstruct
        own.set_error_map(ERROR_MAPS[(ERROR_MAPS.index(own.error_map) + 1) % len(ERROR_MAPS)])


def _scale_title(scale: float) -> str:
    return f"scale: {scale:g}" if scale else _AUTOMATIC
