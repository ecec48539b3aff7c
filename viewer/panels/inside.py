"""The Inside panel: feature maps, channels that are switched off, and the network as a diagram."""

import dearpygui.dearpygui as dpg

from viewer.panels.subject import Subject
from viewer.state.app import AppState
from viewer.window.textures import Textures
from viewer.window.theme import Looks


class InsidePanel:
    """See the module.

    Args:
        state: The whole state.
        looks: Themes and sizes.
        textures: Where pixels come from.
    """

    def __init__(self, state: AppState, looks: Looks, textures: Textures):
        self._state, self._looks = state, looks
        with dpg.group(tag="inside panel", show=False), dpg.group(horizontal=True):
            self._subject = Subject(state, looks, "inside")

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels."""
        self._subject.layout()

    def draw(self) -> None:
        """Brings the screen up to date."""
        self._subject.draw()

    def wheel(self, steps: float) -> bool:
        """The mouse wheel was turned; whether it was meant for this panel."""
        return False

    def press(self) -> bool:
        """The mouse was pressed; whether on something of this panel."""
        return False

    def double_click(self) -> None:
        """The mouse was pressed twice."""
