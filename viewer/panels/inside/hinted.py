"""A pane that can be zoomed into, or a sentence in its place."""

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from viewer.panels.inside.layout import Box
from viewer.state.inside.inside import Inside
from viewer.window.items import set_text
from viewer.window.pane import Pane
from viewer.window.textures import Textures
from viewer.window.theme import Looks
from viewer.window.zoom import Zoom


class HintedPane:
    """See the module.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
        textures: Where pixels come from.
        kind: What it shows: maps or diagram, a key of the state's views.
        size: (width, height) of that; None where there is nothing.
    """

    def __init__(
        self,
        state: Inside,
        looks: Looks,
        textures: Textures,
        kind: str,
        size: Callable[[], tuple[float, float] | None],
    ):
        self._looks, self._tag = looks, f"inside {kind}"
        self.pane = Pane(textures, self._tag)
        dpg.add_text("", tag=f"{self._tag} hint", wrap=100)
        self.zoom = Zoom(self.pane, size, lambda: state.views[kind], lambda view: state.set_view(kind, view))

    def layout(self, box: Box) -> None:
        """Takes its place, in pixels."""
        px = self._looks.px
        left, top, width, height = box
        dpg.configure_item(self.pane.place, pos=(left, top))
        self.pane.resize(width, height)
        dpg.configure_item(f"{self._tag} hint", pos=(left + px(14), top + px(12)), wrap=left + width - px(14))

    def hint(self, text: str, failure: bool = False) -> None:
        """Writes the sentence; an empty one takes it away."""
        set_text(f"{self._tag} hint", text, self._looks.text("failure" if failure else "quiet"))
