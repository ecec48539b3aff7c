"""The Latent space panel: where images lie, what a point decodes to, and what lies between two images."""

import dearpygui.dearpygui as dpg

from viewer.panels.subject import Subject
from viewer.state.app import AppState
from viewer.window.textures import Textures
from viewer.window.theme import Looks


class LatentsPanel:
    """See the module.

    Args:
        state: The whole state.
        looks: Themes and sizes.
        textures: Where pixels come from.
    """

    def __init__(self, state: AppState, looks: Looks, textures: Textures):
        self._state, self._looks = state, looks
        with dpg.group(tag="latents panel", show=False), dpg.group(horizontal=True):
            self._subject = Subject(state, looks, "latents")

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
