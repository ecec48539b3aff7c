"""The newest grid of samples of a run: originals above their reconstructions."""

import dearpygui.dearpygui as dpg

from viewer.detail import RunDetail
from viewer.pixels import Picture
from viewer.state.view import View
from viewer.window.items import set_text
from viewer.window.pane import Pane
from viewer.window.textures import Textures
from viewer.window.theme import Looks


class Samples:
    """See the module.

    Args:
        textures: Where its pixels come from.
    """

    def __init__(self, textures: Textures):
        dpg.add_text("", tag="samples title")
        self._pane = Pane(textures, "samples")
        self._width = self._height = 1
        self._detail: RunDetail | None = None
        self._picture: Picture | None = None

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels: at most so large."""
        self._width, self._height = width, height

    def show(self, detail: RunDetail | None, looks: Looks) -> None:
        """Shows a run's grid; None shows nothing."""
        grid = None if detail is None else detail.samples
        for tag in ("samples", "samples title"):
            dpg.configure_item(tag, show=grid is not None)
        if detail is None or grid is None:
            return
        if detail is not self._detail:
            self._detail, self._picture = detail, Picture(grid)
        scale = min(self._width / grid.shape[1], self._height * 2 / grid.shape[0])
        self._pane.resize(round(grid.shape[1] * scale), round(grid.shape[0] * scale))
        set_text(
            "samples title", f"Samples, {detail.samples_name}: originals above reconstructions", looks.text("quiet")
        )
        self._pane.show(self._picture, View(), looks.palette.picture_ground)
