"""The mouse over the panes of the comparison: zoom, pan, the divider, and the pixel it points at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dearpygui.dearpygui as dpg

from viewer.pixels import Picture
from viewer.state.reconstruction import Reconstruction
from viewer.state.view import Point, View, pixel_at
from viewer.window.pane import Pane
from viewer.window.theme import Looks
from viewer.window.zoom import Zoom

_GRIP = 9
# Pixels smaller than this on the screen are not framed.
_LEAST_FRAMED = 3


@dataclass(frozen=True)
class Shown:
    """A pane, and the picture that lies in it.

    Args:
        pane: The pane.
        picture: The picture; None where there is none.
        divided: Whether the divider goes through it.
    """

    pane: Pane
    picture: Picture | None
    divided: bool = False

    @property
    def sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(width, height) of the pane and of the picture."""
        return (self.pane.width, self.pane.height), (self.picture.width, self.picture.height)


class ComparisonMouse:
    """See the module.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
        panes: All panes that are on screen.
    """

    def __init__(self, state: Reconstruction, looks: Looks, panes: Callable[[], Sequence[Shown]]):
        self._state, self._looks, self._panes = state, looks, panes
        # What is dragged: a pane's picture, or the divider in it.
        self._held: Zoom | None = None
        self._divides: Pane | None = None

    def wheel(self, steps: float) -> bool:
        """The mouse wheel was turned; whether it was meant for a pane."""
        return any(self._zoom(shown.pane).wheel(steps) for shown in self._panes())

    def press(self) -> bool:
        """The mouse was pressed; whether on a pane."""
        found = self._under_mouse()
        if found is None:
            return False
        shown, mouse = found
        at = self._divider(shown)
        if at is not None and abs(mouse[0] - at) <= self._looks.px(_GRIP):
            self._divides = shown.pane
        else:
            self._held = self._zoom(shown.pane)
            self._held.press()
        return True

    def let_go(self) -> None:
        """The mouse holds nothing any more."""
        self._held = self._divides = None

    def double_click(self) -> None:
        """The mouse was pressed twice: on a pane, all of the image is shown again."""
        if self._under_mouse() is not None:
            self.let_go()  # the second press began a drag
            self._state.set_view(View())

    def drag(self) -> None:
        """The mouse may have moved with its button held, or have been let go."""
        if self._held is not None:
            self._held.drag()
            if not self._held.dragging:
                self._held = None
        if self._divides is not None:
            shown = self._shown(self._divides)
            if shown is not None:
                self._state.set_split(self._state.view.to_share(*shown.sizes, shown.pane.mouse_anywhere())[0])
            # Only now: a slow frame may bring the last move together with the button's release.
            if not dpg.is_mouse_button_down(dpg.mvMouseButton_Left):
                self._divides = None

    def _shown(self, pane: Pane) -> Shown | None:
        """What is in a pane; None where that is nothing."""
        return next((shown for shown in self._panes() if shown.pane is pane and shown.picture is not None), None)

    def _zoom(self, pane: Pane) -> Zoom:
        """The mouse over one of the panes, which all show the same view."""

        def size() -> tuple[float, float] | None:
            shown = self._shown(pane)
            return None if shown is None else shown.sizes[1]

        return Zoom(pane, size, lambda: self._state.view, self._state.set_view)

    def draw(self) -> None:
        """Draws the divider, and frames the pixel under the mouse in all panes."""
        state = self._state
        found = self._under_mouse() if self._held is None and self._divides is None else None
        state.cursor = None
        if found is not None:
            shown, mouse = found
            share = state.view.to_share(*shown.sizes, mouse)
            state.cursor = share if pixel_at(share, shown.sizes[1]) is not None else None
        for shown in self._panes():
            shown.pane.mark(self._frame(shown))
            if shown.divided:
                at = self._divider(shown)
                shown.pane.show_divider(None if at is None else min(shown.pane.width, max(0.0, at)))

    def _under_mouse(self) -> tuple[Shown, Point] | None:
        for shown in self._panes():
            if shown.picture is not None and (mouse := shown.pane.mouse()) is not None:
                return shown, mouse
        return None

    def _divider(self, shown: Shown) -> float | None:
        """Where the divider goes through a pane, in its pixels from the left."""
        if not shown.divided or shown.picture is None or self._state.split is None:
            return None
        return self._state.view.to_pane(*shown.sizes, (self._state.split, 0))[0]

    def _frame(self, shown: Shown) -> tuple[float, float, float, float] | None:
        """(left, top, right, bottom) of the pixel under the mouse, where pixels are large enough to be told apart."""
        view, cursor = self._state.view, self._state.cursor
        if shown.picture is None or cursor is None:
            return None
        size, image = shown.sizes
        at = pixel_at(cursor, image)
        if at is None or view.placed(size, image)[0] < _LEAST_FRAMED:
            return None
        left, top = view.to_pane(size, image, (at[0] / image[0], at[1] / image[1]))
        right, bottom = view.to_pane(size, image, ((at[0] + 1) / image[0], (at[1] + 1) / image[1]))
        if right < 0 or bottom < 0 or left > size[0] or top > size[1]:
            return None
        return max(0.0, left), max(0.0, top), min(size[0], right), min(size[1], bottom)
