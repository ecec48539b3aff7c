"""The mouse over a pane that can be zoomed into: wheel, drag, and what was a click after all."""

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from viewer.state.view import Point, View
from viewer.window.pane import Pane

# A hand that clicks trembles by so many pixels.
_STILL = 4


class Zoom:
    """See the module.

    Args:
        pane: The pane.
        size: (width, height) of what it shows; None where that is nothing.
        view: What the pane shows of it.
        set_view: Shows something else of it.
    """

    def __init__(
        self,
        pane: Pane,
        size: Callable[[], tuple[float, float] | None],
        view: Callable[[], View],
        set_view: Callable[[View], None],
    ):
        self.pane = pane
        self._size, self._view, self._set_view = size, view, set_view
        self._began: tuple[View, Point] | None = None
        self._moved = False

    @property
    def dragging(self) -> bool:
        """Whether the mouse holds the pane."""
        return self._began is not None

    def under_mouse(self) -> Point | None:
        """The point under the mouse in shares of what is shown; None where the mouse is elsewhere."""
        size, mouse = self._size(), self.pane.mouse()
        if size is None or mouse is None:
            return None
        return self._view().to_share(self._pane_size, size, mouse)

    def wheel(self, steps: float) -> bool:
        """The mouse wheel was turned; whether it was meant for the pane."""
        size, mouse = self._size(), self.pane.mouse()
        if size is None or mouse is None:
            return False
        self._set_view(self._view().turned(steps, self._pane_size, size, mouse))
        return True

    def press(self) -> bool:
        """The mouse was pressed; whether on the pane."""
        mouse = self.pane.mouse()
        if self._size() is None or mouse is None:
            return False
        self._began, self._moved = (self._view(), mouse), False
        return True

    def let_go(self) -> None:
        """The mouse holds nothing any more."""
        self._began = None

    def drag(self) -> Point | None:
        """The mouse may have moved with its button held. Once it is let go without having moved: where, in shares."""
        size = self._size()
        if self._began is None or size is None:
            self._began = None
            return None
        view, start = self._began
        mouse = self.pane.mouse_anywhere()
        by = mouse[0] - start[0], mouse[1] - start[1]
        self._moved = self._moved or max(map(abs, by)) >= _STILL
        if self._moved:
            self._set_view(view.panned(self._pane_size, size, by))
        # Only now: a slow frame may bring the last move together with the button's release.
        if dpg.is_mouse_button_down(dpg.mvMouseButton_Left):
            return None
        self._began = None
        return None if self._moved else view.to_share(self._pane_size, size, start)

    @property
    def _pane_size(self) -> tuple[int, int]:
        return self.pane.width, self.pane.height
